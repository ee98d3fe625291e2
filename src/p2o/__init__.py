"""P²O: policy optimization with prompt evolution on hard questions (arXiv 2603.21877).

Light on purpose: the reward's worker processes import it, and must not load torch. The parts are in the submodules,
such as `p2o.policy.module.PolicyModule`.
"""

from importlib.metadata import version

__version__ = version("p2o")
