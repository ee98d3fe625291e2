"""P²O: policy optimization with prompt evolution on hard questions (arXiv 2603.21877).

Light on purpose: the reward's worker processes import it, and must not load torch. The parts are in the submodules:
`p2o.policy.PolicyModule`, `p2o.mixture.MixtureDataModule`, `p2o.evolution.callback.TemplateEvolution`.
"""

from importlib.metadata import version

__version__ = version("p2o")
