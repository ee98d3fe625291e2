"""What the trained policy is compared with: itself before training, and a moving average of its weights."""

from p2o.policy.references.average import AveragePolicy, average_policy_of
from p2o.policy.references.initial import InitialPolicy, initial_policy_of

__all__ = ["AveragePolicy", "InitialPolicy", "average_policy_of", "initial_policy_of"]
