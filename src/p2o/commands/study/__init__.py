"""Methods compared over seeds: what `p2o compare` runs and what it makes of the results."""
