"""Run folders as p2o fit leaves them, small and made up, with a text of the test's choice wherever texts go."""

import json
from pathlib import Path

import yaml

from p2o.io.tables import write_jsonl, write_parquet
from p2o.run_folder.log_columns import ROLLOUT_LOG, VALIDATION_LOG
from p2o.run_folder.paths import RunPaths
from p2o.run_folder.question_record import QuestionRecord, template_id
from p2o.run_folder.question_tables import write_questions
from p2o.types import TemplateGap

T = "Go slowly."
HOSTILE = (
    """</pre></style><script>alert("1")</script><img src=x onerror='alert(2)'>" onload="alert(3)" """
    "{{ 7 * 7 }} {% raw %} $\\x^{ &lt;"
)


METRICS = """\
context/above,context/below,epoch,step,train/reward_step,frac_reward_zero_std/all_wrong_bare_step,\
frac_reward_zero_std/all_wrong_mixed_step,frac_reward_zero_std/all_right_bare_step,frac_reward_zero_std/all_right_bare_epoch
,,0,0,0.25,0.5,0.25,0,
0.25,0.125,1,1,0.5,0.25,0,0.25,
,,1,1,,,,,0.25
"""


def bare_folder(root: Path) -> Path:
    """A summary and nothing else."""
    root.mkdir(parents=True)
    rollouts = [
        {"train": 12 * (n + 1), "evolution": 9, "validation": 4 * (n + 1), "fixed_questions": 0} for n in range(2)
    ]
    summary = {
        "seconds": 30.0,
        "epochs": 2,
        "rollouts": rollouts[-1],
        "hard_set": [3, 2],
        "reward": [0.25, 0.5],
        "history": [
            {"bare": {"hard": 0.0}, "templated": None},
            {"bare": {"hard": 0.5}, "templated": {"hard": 1.0}},
        ],
        "epoch_seconds": [20.0, 10.0],
        "truncated": [0.0, 0.25],
        "rollout_history": rollouts,
    }
    (root / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return root


def whole_folder(root: Path, text: str = T) -> Path:
    """Everything that a run of two epochs writes."""
    bare_folder(root)
    config = {
        "data": {"tau": 1, "num_generations": 4, "bare_rollouts": 2},
        "evolution": {"budget": 20, "reflector": {"class_path": f"p2o.{text}"}},
        "model": {
            "context": {
                "class_path": "p2o.objective.context_estimators.Masked",
                "init_args": {"low": 0.01, "high": 10.0},
            }
        },
    }
    (root / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    t = template_id(text)
    for epoch, records in enumerate(mined(t)):
        write_questions(
            RunPaths(root), epoch, records, {t: text}, [TemplateGap(text, -0.75, 0.125, 5, 8.0, 7.0)] if epoch else []
        )
    _evolution(RunPaths(root), text)
    (root / "fixed_questions.json").write_text(json.dumps({"measurements": fixed_questions()}), encoding="utf-8")
    _rollouts(RunPaths(root), text)
    _validation(RunPaths(root))
    RunPaths(root).environment.write_text(json.dumps({"torch": "2.13.0", "CPU": text}), encoding="utf-8")
    _pace(RunPaths(root).summary)
    logs = root / "logs" / "version_0"
    logs.mkdir(parents=True)
    (logs / "metrics.csv").write_text(METRICS, encoding="utf-8")
    return root


def mined(t: str) -> list[list[QuestionRecord]]:
    """Hard: a, b, c; then a leaves bare, b with help, c is stuck and d enters."""

    def record(epoch, id, outcomes, templates):
        correct = sum(outcome == "correct" for outcome in outcomes)
        context = "mixed" if any(templates) else "bare"
        return QuestionRecord(epoch, id, "all", context, correct, correct < 1, templates, outcomes)

    no, yes, bare, mixed = "wrong", "correct", ("",) * 4, (t, t, "", "")
    first = [record(0, id, (no,) * 4, bare) for id in "abc"] + [record(0, "d", (yes,) * 4, bare)]
    second = [
        record(1, "a", (yes, yes, yes, no), mixed),
        record(1, "b", (yes, no, no, no), mixed),
        record(1, "c", (no, "truncated", no, no), mixed),
        record(1, "d", (no,) * 4, bare),
    ]
    return [first, second]


def candidates(text: str) -> list[dict]:
    """The seed, a child in the bank, a rejected child of the child."""
    empty = {"mini_batch": [], "before": [], "after": [], "prompt": "", "reply": ""}
    tried = {"mini_batch": ["a"], "prompt": f"prompt {text}", "reply": f"reply {text}"}
    seed = {"id": "", "parent": None, "text": "", "status": "seed", "iteration": 0, "dev_scores": [0.0, 0.0], **empty}
    child = {"parent": "", "text": text, "status": "accepted", "iteration": 1, "dev_scores": [1.0, 0.0], **tried}
    other = {"parent": template_id(text), "text": f"{text}!", "status": "rejected", "iteration": 2, **tried}
    return [
        seed | {"dev_score": 0.0, "weight": None},
        child | {"id": template_id(text), "dev_score": 0.5, "weight": 0.5, "before": [0.0], "after": [1.0]},
        other
        | {
            "id": template_id(f"{text}!"),
            "dev_score": None,
            "dev_scores": [],
            "weight": None,
            "before": [1.0],
            "after": [0.0],
        },
    ]


def figures(text: str) -> dict:
    """Three iterations: seeds, one accepted of one parent, one rejected."""
    iteration = {"parents": [0], "skipped": 0, "rejections": {}, "tried": 1, "accepted": 1}
    cost = {"parent_rollouts": 1, "child_rollouts": 1, "dev_rollouts": 2}
    nothing = {"parents": [], "accepted": 0, "tried": 0, "parent_rollouts": 0, "child_rollouts": 0}
    return {
        "epoch": 0,
        "train": 1,
        "dev": 2,
        "budget": 20,
        "spent": 8,
        "pool": 2,
        "bank": 1,
        "rejections": {text: 1},
        "stopped": text,
        "seconds": 5.0,
        "tokens": {"evolution": 1234, "reflection": 56},
        "settings": {"mini_batch_size": 3, "completions": 1},
        "seeds": 1,
        "best_dev_scores": [0.0, 0.5, 0.5],
        "iteration_figures": [
            {**iteration, **nothing, "dev_rollouts": 2},
            iteration | cost,
            iteration | cost | {"parents": [1], "accepted": 0, "dev_rollouts": 0},
        ],
        "dev_questions": ["a", "b"],
        "solvers": {"a": [template_id(text)]},
        "reflection": {"teacher": {"money": 0.25}},
    }


def _evolution(paths: RunPaths, text: str) -> None:
    paths.evolution(0).parent.mkdir()
    write_jsonl(paths.candidates(0), candidates(text))
    paths.evolution(0).write_text(json.dumps(figures(text)), encoding="utf-8")


def _validation(paths: RunPaths) -> None:
    """Twelve questions, of which five are solved bare in the first epoch and ten in the second."""
    paths.validation(0).parent.mkdir()
    for epoch, solved in enumerate((5, 10)):
        rows = [
            {
                "epoch": epoch, "context": "bare", "id": str(n), "difficulty": "hard", "correct": n < solved,
                "outcome": "correct" if n < solved else "wrong", "tokens": 3,
            }
            for n in range(12)
        ]  # fmt: skip
        write_parquet(paths.validation(epoch), rows, VALIDATION_LOG.schema())


def _pace(path: Path) -> None:
    pace = {
        "phase_seconds": [{"rollouts": 12.0, "update": 5.0, "other": 3.0}, {"rollouts": 6.0, "update": 4.0}],
        "tokens_per_second": [250.0, 500.0],
        "memory_peak_gib": 1.5,
        "starts": 2,
        "wall_seconds": 60.0,
        "goodput": 0.45,
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | pace), encoding="utf-8")


def fixed_questions(values=(0.0, 0.25, 0.5, 0.5), spread=0.0) -> list[dict]:
    """Start, training 0, evolution 0, training 1: eight questions of these mean rewards under their templates."""
    moments = [(0, "before training"), (0, "after training"), (1, "before training"), (1, "after training")]
    return [
        {"epoch": epoch, "moment": moment, "seconds": 0.5, "questions": [_asked(n, value, spread) for n in range(8)]}
        for (epoch, moment), value in zip(moments, values, strict=True)
    ]


def _asked(number: int, value: float, spread: float) -> dict:
    reward = value + spread * (-1) ** number
    templated = [True, True, False, False]
    return {
        "id": f"q{number}",
        "hard": True,
        "templated": templated,
        "bare": [[0.0, 0.0]] * 4,
        "mixture": [[reward, float(reward > 0.4)]] * 4,
    }


def _rollouts(paths: RunPaths, text: str) -> None:
    paths.rollouts("validation", 0).parent.mkdir()
    for epoch in (0, 1):
        rows = [
            {
                "epoch": epoch,
                "context": context,
                "id": f"id {text}",
                "difficulty": text,
                "sample": number,
                "question": f"question {text}",
                "answer": f"answer {text}",
                "template": text if context == "templated" else "",
                "completion": f"completion {text} {epoch} {context}",
                "truncated": False,
                "tokens": 3,
                "reward": 1.0,
                "outcome": "correct" if epoch else "wrong",
                "extracted": "1",
            }
            for number, context in enumerate(("bare", "templated"))
        ]
        write_parquet(paths.rollouts("validation", epoch), rows, ROLLOUT_LOG.schema())
