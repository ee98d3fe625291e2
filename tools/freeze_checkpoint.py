"""Makes the checkpoint that later releases must resume from, once a release.

    PYTHONPATH=tests python -m tools.freeze_checkpoint

Run it at the top of the repository: the checkpoint names its model by a relative path.
"""

import os
import shutil
import tempfile
from pathlib import Path

from p2o.cli.main import main
from p2o.policy.checkpoints.callback import RunCheckpoint
from p2o.policy.checkpoints.place import Place

FOLDER = Path("tests/frozen")
PLACE = Place(1, batch=1)  # within the second of two epochs, after an evolution
OPTIONS = [
    "fit",
    "--config=configs/quickstart.yaml",
    f"--model.model={FOLDER}/model",
    "--trainer.max_epochs=2",
    "--trainer.enable_progress_bar=false",
    "--model.max_completion_length=16",
    "--model.max_prompt_length=400",
    "--model.exploration=p2o.objective.exploration.HistoricalBonus",
    "--model.exploration.baseline=p2o.objective.exploration.MeanBaseline",
    "--data.train.init_args.easy=2",
    "--data.train.init_args.hard=4",
    "--data.validation.init_args.easy=2",
    "--data.validation.init_args.hard=2",
    "--data.num_generations=3",
    "--data.bare_rollouts=1",
    "--data.batch_size=2",
    "--evolution.reflector=StaticReflector",
    '--evolution.reflector.templates=["Think."]',
    "--evolution.budget=12",
    "--evolution.min_hard_set=2",
    "--fixed_questions.questions=1",
    "--trainer.logger=false",
]


def freeze() -> None:
    """Trains a tiny random policy, and keeps the checkpoint of one moment with the summary of the whole run."""
    from tiny_policy import build_policy, build_tokenizer

    tokenizer = build_tokenizer()
    build_policy(len(tokenizer), tokenizer.eos_token_id).save_pretrained(FOLDER / "model")
    tokenizer.save_pretrained(FOLDER / "model")
    save = RunCheckpoint._save

    def saved(self: RunCheckpoint, trainer: object, place: Place, same: str = "") -> None:
        save(self, trainer, place, same)  # type: ignore[arg-type]
        if place == PLACE:
            shutil.copyfile(self.last_model_path, FOLDER / "last.ckpt")

    RunCheckpoint._save = saved  # type: ignore[method-assign, assignment]
    with tempfile.TemporaryDirectory() as root:
        main([*OPTIONS, f"--trainer.default_root_dir={root}", "--checkpoint.every_n_steps=1"])
        shutil.copyfile(Path(root) / "summary.json", FOLDER / "summary.json")
    print(f"{FOLDER / 'last.ckpt'}: {os.path.getsize(FOLDER / 'last.ckpt') / 1e3:.0f} kB")


if __name__ == "__main__":
    freeze()
