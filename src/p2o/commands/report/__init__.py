"""`p2o report`: run folders -> one HTML file that needs nothing else."""
