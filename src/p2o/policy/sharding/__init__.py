"""FSDP2: the policy's parameters, gradients and moments in shards, one on each process."""

from p2o.policy.sharding.placing import load_placed, outline_in_files
from p2o.policy.sharding.strategy import ShardedStrategy, check_strategy

__all__ = ["ShardedStrategy", "check_strategy", "load_placed", "outline_in_files"]
