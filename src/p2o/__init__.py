"""P²O: policy optimization with prompt evolution on hard questions (arXiv 2603.21877).

The names below are loaded when they are used: `import p2o` is light, since the reward's worker processes import it too.
"""

import os
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from p2o.distributed.threads import wait_briefly

if TYPE_CHECKING:
    from p2o.cli.python import fit, run_callbacks, trainer
    from p2o.errors import InputError
    from p2o.evolution.callback import TemplateEvolution
    from p2o.mixture.data_module import MixtureDataModule
    from p2o.policy.module import PolicyModule

__all__ = [
    "InputError",
    "MixtureDataModule",
    "PolicyModule",
    "TemplateEvolution",
    "__version__",
    "fit",
    "run_callbacks",
    "trainer",
]
__version__ = version("p2o")

_PLACES = {
    "InputError": "p2o.errors",
    "MixtureDataModule": "p2o.mixture.data_module",
    "PolicyModule": "p2o.policy.module",
    "TemplateEvolution": "p2o.evolution.callback",
    "fit": "p2o.cli.python",
    "run_callbacks": "p2o.cli.python",
    "trainer": "p2o.cli.python",
}

wait_briefly(os.environ)  # as the command does; it takes effect if p2o is imported before torch


def __getattr__(name: str) -> Any:  # noqa: ANN401 (of any of the names above)
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
