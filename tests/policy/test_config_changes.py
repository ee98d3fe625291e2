"""A changed config is refused or takes effect, never half of it."""

from functools import partial

import pytest

from p2o.errors import InputError
from p2o.policy.checkpoints.config_changes import changes, check_changes, check_epochs
from p2o.policy.checkpoints.place import Place

ENDPOINT = {"base_url": "http://a/v1", "model": "a", "spending": {"money": 1.0}}
ADAMW = {"class_path": "AdamW", "init_args": {"lr": 1e-3, "betas": [0.9, 0.99]}}
OLD = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 2, "default_root_dir": "a", "devices": 1},
    "model": {
        "temperature": 1.0,
        "optimizer": {"class_path": "AdamW", "init_args": {"lr": 1e-3, "betas": [0.9, 0.99]}},
    },
    "data": {"num_generations": 6, "batch_size": 8},
    "fixed_questions": {"questions": 4},
    "question_log": {"enabled": False},
}


def changed(**sections) -> dict:
    return OLD | {name: OLD[name] | part if isinstance(part, dict) else part for name, part in sections.items()}


def sampled(**endpoint) -> dict:
    part = {"teacher": {"class_path": "EndpointTeacher", "init_args": {"endpoint": ENDPOINT | endpoint}}}
    return changed(model={"sampler": {"class_path": "TeacherCompletions", "init_args": part}})


def hinted(*prompts, **endpoint) -> dict:
    tiers = [{"init_args": {"prompt": prompt, "endpoint": ENDPOINT | endpoint}} for prompt in prompts]
    return changed(model={"sampler": {"class_path": "ScaffoldedHints", "init_args": {"tiers": tiers}}})


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed(seed_everything=1), r"seed_everything: 0 -> 1"),
        (
            changed(model={"optimizer": ADAMW | {"init_args": {"lr": 1.0}}}),
            "lr: 0",
        ),
        (changed(model={"optimizer": {"class_path": "SGD"}}), r"class_path: 'AdamW' -> 'SGD'"),
        (changed(model={"model": "other"}), "model.model: None -> 'other'"),
        (changed(data={"num_generations": 4}), "num_generations: 6 -> 4"),
        (changed(data={"questions_per_epoch": 9}), "questions_per_epoch: None -> 9: the passes over the data so far"),
        (changed(fixed_questions={"questions": 5}), "questions: 4 -> 5"),
    ],
)
def test_what_could_not_take_effect_is_refused(new, said):
    with pytest.raises(InputError, match=said):
        check_changes(changes(OLD, new), Place(1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (sampled(), sampled(temperature=0.5), r"teacher.init_args.endpoint.temperature: None -> 0.5"),
        (hinted("a"), hinted("b"), r"tiers.0.init_args.prompt: 'a' -> 'b'"),
        (hinted("a"), hinted("a", "b"), r"tiers.1.init_args.prompt: None -> 'b'"),
    ],
)
def test_who_writes_is_kept_as_what_was_written_is(old, new, said):
    with pytest.raises(InputError, match=f"{said}: what it wrote so far is kept"):
        check_changes(changes(old, new), Place(1))


@pytest.mark.parametrize("written", [sampled, partial(hinted, "a")])
@pytest.mark.parametrize("place", [Place(1), Place(1, batch=3)])
def test_what_the_message_of_an_endpoint_that_fails_says_to_check_is_free_at_any_time(written, place):
    """How it is reached, what it may cost, and the model, which may be misspelt, or no longer served."""
    limits = {"spending": {"money": 9.0}, "retries": {"attempts": 9}, "timeout": 9.0, "concurrency": 9}
    new = written(base_url="http://b/v1", model="b", extra_body={"top_p": 0.9}, token_margin=1.5, **limits)
    found = changes(written(), new)
    assert len(found) == 8
    check_changes(found, place)


def test_what_takes_effect_is_allowed_and_named():
    found = changes(OLD, changed(model={"temperature": 0.5}, trainer={"max_epochs": 5, "default_root_dir": "b"}))
    assert found == {"model.temperature": (1.0, 0.5), "trainer.max_epochs": (2, 5)}
    check_changes(found, Place(1))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed(data={"batch_size": 4}), "data.batch_size: 8 -> 4: the epoch has begun"),
        (changed(question_log={"enabled": True}), "question_log.enabled: False -> True: .* has begun without"),
    ],
)
def test_an_epoch_ends_as_it_began(new, said):
    found = changes(OLD, new)
    check_changes(found, Place(1))
    with pytest.raises(InputError, match=f"(?s){said}.*epoch=N.ckpt"):
        check_changes(found, Place(1, batch=3))


@pytest.mark.parametrize("place", [Place(2), Place(1, batch=1)])
def test_fewer_epochs_than_have_begun_are_refused(place):
    check_epochs(2, place)
    check_epochs(-1, place)
    with pytest.raises(InputError, match=r"expected at least 2.*got 1"):
        check_epochs(1, place)
