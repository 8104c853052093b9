"""Where text and audio enter and leave: one file for each kind of door, behind one contract."""
