"""The policy: the module that trains it, how it is loaded, updated, evaluated, saved and exported."""
