"""The `ridgeline` command; needs the `cli` extra."""
