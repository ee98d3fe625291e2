"""The command line of each command: reads its options, and leaves the work to `p2o.commands`."""
