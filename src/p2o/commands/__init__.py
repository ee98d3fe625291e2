"""The command lines of the commands that train nothing."""
