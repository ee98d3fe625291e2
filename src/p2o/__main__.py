"""`python -m p2o`."""

from p2o.cli import main

main()
