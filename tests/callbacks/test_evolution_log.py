from types import SimpleNamespace

import pytest

from p2o.callbacks.evolution_log import EvolutionLog
from p2o.errors import InputError
from p2o.evolution import DominanceSelector
from p2o.evolution.callback import TemplateEvolution
from p2o.evolution.history import Candidate, History, Iteration, RejectedProposal, Status
from p2o.evolution.result import EvolutionResult
from p2o.evolution.settings import EvolutionSettings
from p2o.prompts.templates import TemplateBank
from p2o.reflectors import StaticReflector


def evolved(epoch):
    history = History(
        pool=(Candidate("", Status.SEED, 0, dev_scores=(0.0,)),),
        iterations=(Iteration(),),
        rejected=(RejectedProposal(1, 0, "empty"),),
    )
    sizes = {"train": ("q0",), "dev": ("q1",), "settings": EvolutionSettings(budget=10)}
    rest = {"bank": TemplateBank(), "stopped": "", "seconds": 0.0, "tokens": {}, "usages": {}}
    return EvolutionResult(epoch=epoch, history=history, **sizes, **rest)


def files(root):
    return sorted(path.name.removeprefix("epoch-000") for path in (root / "evolution").iterdir())


@pytest.mark.parametrize(("epochs", "kept"), [(-1, [0, 1, 2, 3, 4]), (2, [0, 4]), (3, [0, 3, 4])])
def test_candidates_are_kept_of_the_first_evolution_and_the_latest_and_figures_of_all(tmp_path, epochs, kept):
    evolution, log = TemplateEvolution(StaticReflector(["x"]), DominanceSelector()), EvolutionLog(epochs=epochs)
    for epoch in range(5):
        evolution.finished = evolved(epoch)
        place = {"is_global_zero": True, "default_root_dir": tmp_path, "fast_dev_run": False}
        trainer = SimpleNamespace(current_epoch=epoch, callbacks=[evolution], **place)
        log.on_train_epoch_end(trainer, None)
    expected = [f"{epoch}.json" for epoch in range(5)]
    expected += [f"{epoch}.{kind}" for epoch in kept for kind in ("jsonl", "rejected.jsonl")]
    assert files(tmp_path) == sorted(expected)


def test_too_few_epochs_are_refused():
    with pytest.raises(InputError, match=r"evolution_log.epochs: expected at least 2"):
        EvolutionLog(epochs=1)
