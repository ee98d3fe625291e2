"""From rollouts to a loss: advantages, context estimators, losses of a token, aggregation, and batches of rows."""
