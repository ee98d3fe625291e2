"""The `p2o` command."""
