"""The `zhiku` command, one file a group."""
