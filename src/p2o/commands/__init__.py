"""What the commands that train nothing do: prepare data, plan a run, compare methods, report a run, grade answers."""
