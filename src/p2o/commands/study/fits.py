"""One run of `p2o fit`: its folder, named by its config, and how it is run."""

import fcntl
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from p2o.errors import InputError
from p2o.io.files import write_text
from p2o.io.importable import environment
from p2o.run_folder.paths import RunPaths

# What says where files go and what is shown, and changes nothing about training: whole sections, and of the Trainer's.
_SECTIONS = frozenset(
    "seed_everything ckpt_path progress evolution_log question_log console_samples validation_log rollout_log "
    "logger_texts run_summary benchmark_report checkpoint".split()
)
_TRAINER = frozenset(["default_root_dir", "enable_progress_bar", "enable_model_summary", "logger", "log_every_n_steps"])
_FOLDER = re.compile(r".+-(?P<run>[0-9a-f]{10}-seed\d+)")
TAIL = 20  # lines of a failed run's log that are shown


@dataclass(frozen=True)
class Fit:
    """A config and a seed, and the folder of the run.

    The folder is named by the fingerprint of the config: a run of a config that has changed since is another run, and
    studies that share a config share its runs. What the config only names (a data file, the code) is not part of it.
    """

    config: Mapping[str, Any]
    seed: int
    folder: Path

    def __post_init__(self) -> None:
        for section in ("validation_log", "run_summary"):
            if not self.config.get(section, {}).get("enabled", True):
                raise InputError(f"p2o compare needs what {section} writes: leave {section}.enabled at true.")
        trainer = self.config.get("trainer", {})
        every, batches = trainer.get("check_val_every_n_epoch", 1), trainer.get("limit_val_batches")
        within = trainer.get("val_check_interval")
        for option, value, missing in (
            ("check_val_every_n_epoch", every, every != 1),
            ("limit_val_batches", batches, batches == 0),
            ("val_check_interval", within, within is not None and repr(within) != "1.0"),  # an int 1 is each batch
        ):
            if missing:
                raise InputError(
                    f"p2o compare: expected a validation after each epoch, trainer.{option} is {value}. Leave it out."
                )

    @property
    def log(self) -> Path:
        """The file that holds what the run printed."""
        return self.folder / "log.txt"

    @property
    def done(self) -> bool:
        """Whether the run has trained to its end: its summary says so, which no exit status can."""
        with suppress(OSError, ValueError, LookupError):
            return json.loads(RunPaths(self.folder).summary.read_text(encoding="utf-8"))["finished"] is True
        return False

    def run(self) -> bool:
        """Starts it, or goes on from its last checkpoint; whether it has ended well.

        A lock is held by the process that trains: if `p2o compare` was killed and its runs were not, they are waited
        for. One thread, since several runs share the machine and a small policy gains nothing from more.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        config = deepcopy(dict(self.config)) | {"seed_everything": self.seed}
        config["trainer"] |= {"default_root_dir": str(self.folder), "enable_progress_bar": False}
        config["checkpoint"] = config.get("checkpoint", {}) | {"dirpath": None}  # one for all runs would mix them up
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.done:  # another process has run it meanwhile
                return True
            write_text(self.folder / "fit.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
            command = [sys.executable, "-m", "p2o", "fit", "--config", str(self.folder / "fit.yaml")]
            with self.log.open("w", encoding="utf-8") as log:
                subprocess.run(
                    [*command, "--ckpt_path=last"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=os.environ | environment() | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"},
                    pass_fds=[lock.fileno()],
                )
        return self.done

    def tail(self) -> str:
        """The last lines of what the run printed, for a message on its failure."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:])
        return "(no log)"


class Store:
    """The folder of all runs: one for each config and seed, whichever study or method asks first.

    Args:
        folder: It need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = ((_FOLDER.fullmatch(path.name), path) for path in sorted(folder.glob("*-seed*")))
        self._known = {match["run"]: path for match, path in found if match}

    def fit(self, method: str, config: Mapping[str, Any], seed: int) -> Fit:
        """The run of this config and seed; a new one is named after the method too."""
        name = f"{config_fingerprint(config)}-seed{seed}"
        return Fit(config, seed, self._known.setdefault(name, self.folder / f"{method}-{name}"))


def config_fingerprint(config: Mapping[str, Any]) -> str:
    """Ten hexadecimal digits of what decides about training."""
    kept = {name: part for name, part in config.items() if name not in _SECTIONS}
    kept["trainer"] = {name: value for name, value in config["trainer"].items() if name not in _TRAINER}
    return hashlib.blake2b(json.dumps(kept, sort_keys=True).encode(), digest_size=5).hexdigest()
