"""Updates that are too small for the digits of an engine's own copy of the weights."""

from collections.abc import Iterator

from p2o.engines.base import RolloutEngine
from p2o.objective import EngineCorrection
from p2o.policy.adapters import Adapters


def rounding_problems(adapters: Adapters, engine: RolloutEngine, correction: EngineCorrection) -> Iterator[str]:
    """Adapters whose product is merged into a copy of two bytes a weight, which nothing makes up for."""
    if adapters.plain() and engine.dtype and engine.dtype.itemsize < 4 and not correction.reads_logps:
        yield (
            f"model.engine: {type(engine).__name__} samples from the merged weights in "
            f"{str(engine.dtype).removeprefix('torch.')}, in which most of a small update by adapters rounds away: at "
            "first it samples almost the policy before training, and the update takes that for the present one. Set "
            "model.correction to TruncatedImportance, or engine.init_args to {dtype: float32}."
        )
