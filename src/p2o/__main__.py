"""Runs the `p2o` command by `python -m p2o`."""

from p2o.cli.main import main

main()
