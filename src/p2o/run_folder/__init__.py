"""The run folder: the names of its files, the columns of its tables, and their readers."""
