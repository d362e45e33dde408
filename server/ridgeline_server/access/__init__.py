"""Who may call what, and how much: pure decisions. Files, clocks and the wire come as arguments."""
