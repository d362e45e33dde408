"""From a table to a served model: simulate, train, export, prove, inspect."""
