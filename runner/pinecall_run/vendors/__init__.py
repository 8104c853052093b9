"""What is known of vendors, as data: their names, keys, options and prices. No code of theirs is imported here."""
