"""The price path: load and prove an artifact, check rows, price them, guard the prices. Knows no wire."""
