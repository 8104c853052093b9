"""Projects to look at and to copy from."""
