"""At which step a whole run logs what: real Trainer, a random policy, real TensorBoard."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from p2o.cli.main import main

CONFIG = Path(__file__).parent.parent.parent / "configs" / "quickstart.yaml"


def fit(root, model, *options):
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--trainer.default_root_dir={root}",
            "--trainer.enable_progress_bar=false",
            f"--model.model={model}",
            "--model.max_prompt_length=400",
            "--model.max_completion_length=4",
            "--model.mini_batch_size=1",  # two optimizer steps of a rollout batch
            "--data.train.init_args.easy=3",
            "--data.train.init_args.hard=3",
            "--data.validation.init_args.easy=1",
            "--data.validation.init_args.hard=1",
            "--data.batch_size=2",
            "--evolution.reflector=StaticReflector",
            '--evolution.reflector.templates=["Be concise."]',
            "--evolution.budget=12",
            "--evolution.min_hard_set=2",
            "--fixed_questions.questions=2",
            *options,
        ]
    )


@pytest.fixture(scope="module")
def logged(tiny_model, tmp_path_factory):
    """By start of the run, for each tag its steps: one epoch, then a second one, before which the first evolves."""
    root = tmp_path_factory.mktemp("run")
    fit(root, tiny_model, "--trainer.max_epochs=1")
    fit(root, tiny_model, "--trainer.max_epochs=2", "--ckpt_path=last")
    return [steps(root / "tensorboard" / f"version_{number}") for number in (0, 1)]


def steps(folder):
    events = EventAccumulator(str(folder)).Reload()
    found = {tag: [event.step for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    return found | {tag: [event.step for event in events.Tensors(tag)] for tag in events.Tags()["tensors"]}


def test_templates_of_an_evolution_that_was_made_up_for_are_sent(logged):
    assert "templates/text_summary" not in logged[0]
    assert logged[1]["templates/text_summary"] == [3]


def test_whatever_is_logged_counts_rollout_batches(logged):
    first, second = logged
    assert [part["train/reward_step"] for part in logged] == [[0, 1, 2], [3, 4, 5]]
    assert [part["pace/tokens_per_second"] for part in logged] == [[3], [6]]
    assert [part["completions/text_summary"] for part in logged] == [[0], [3]]
    assert first["fixed_questions/kl"] == [0, 3] and second["fixed_questions/kl"] == [6]
    assert second["evolution/spent"] == [3]
