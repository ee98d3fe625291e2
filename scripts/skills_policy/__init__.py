"""Makes and measures the policy of the world of skills."""
