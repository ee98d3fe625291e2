"""One VLLMEngine of a process can sleep: vLLM's allocator for that serves a single model."""

from collections.abc import Iterable, Iterator

from p2o.engines.base import RolloutEngine
from p2o.engines.vllm.colocated import VLLMEngine


def sleep_problems(name: str, own: RolloutEngine | None, others: Iterable[RolloutEngine]) -> Iterator[str]:
    """An engine that would sleep beside another that does: vLLM ends the run when the second one starts.

    Args:
        name: Of the reflector that has it for itself.
        own: That engine, if there is one.
        others: Those of the other parts of the run.
    """
    if _sleeps(own) and any(_sleeps(other) and other is not own for other in others):
        yield (
            f"{name}: expected one VLLMEngine that sleeps in a process, which is all that vLLM can do; its own is "
            "another beside that of the run. Leave its engine out, so that it asks the run's, or take VLLMServers for "
            "one of the two."
        )


def _sleeps(engine: RolloutEngine | None) -> bool:
    return isinstance(engine, VLLMEngine) and engine.sleep_level > 0
