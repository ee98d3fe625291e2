"""Makes training data: read, filter, balance, clean, split, write."""
