"""What a study file says, and the variants it comes to."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from p2o.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # it becomes part of a folder's name


@dataclass(frozen=True)
class Method:
    """A method of a study: what differs from the study's own configs.

    Args:
        configs: Config files laid over those of the study, in this order.
        options: Options of `p2o fit` and their values, such as `data.tau: 2`.
        grid: Values of options, each a variant of its own: a sensitivity study. Of several options, all combinations.
        tune: Values of options, of which the method takes the best by its own mean accuracy.
        accuracy: What to compare of this method; empty: the study's. "templated/hard" for one that keeps its template.
    """

    configs: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, list[Any]] = field(default_factory=dict)
    tune: dict[str, list[Any]] = field(default_factory=dict)
    accuracy: str = ""


@dataclass(frozen=True)
class Study:
    """Methods, seeds, and how they are compared.

    Args:
        title: One line, above the table.
        configs: Config files of every method, relative to the study file.
        methods: The methods by name.
        baseline: The variant that the others are compared with: a method's name, of a grid with its values
            ("p2o data.tau=2").
        options: Options of every method; its own configs and options come after them, those of `--options` to these.
        seeds: Every variant is run with each.
        tuning_seeds: Seeds by which tuned values are chosen: the chosen one alone is then run with `seeds`. Empty: it
            is chosen by `seeds`, which favours the method that is tuned.
        jobs: Runs at a time, each with one thread; 0 runs nothing and writes the tables of what is done.
        accuracy: Of validation: what is compared, tuned by and waited for. A context alone, "bare" or "templated", is
            all questions; "bare/hard" is those of one difficulty.
        target: Share of correct answers; the table says after how many rollouts a variant reached it.
        metrics: Further figures of summary.json, such as `validation.templated.hard`.
    """

    configs: list[str]
    methods: dict[str, Method]
    baseline: str
    title: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    tuning_seeds: list[int] = field(default_factory=list)
    jobs: int = 1
    accuracy: str = "bare/hard"
    target: float = 0.6
    metrics: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if odd := [name for name in self.methods if not _NAME.fullmatch(name)]:
            raise InputError(f"methods: expected names of letters, digits, '_', '.' and '-', got {odd[0]!r}.")
        for name, method in self.methods.items():
            for kind, options in (("grid", method.grid), ("tune", method.tune)):
                if empty := [option for option, values in options.items() if not values]:
                    raise InputError(f"methods.{name}.{kind}.{empty[0]}: expected values, got none.")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            raise InputError(f"seeds: expected at least one, from 0, and each once, got {self.seeds}.")
        self._check_tuning_seeds()
        if self.jobs < 0:
            raise InputError(f"jobs: expected at least 0, which only writes the tables, got {self.jobs}.")
        if not 0 < self.target <= 1:
            raise InputError(f"target: expected a share above 0 and at most 1, got {self.target}.")
        for accuracy in (self.accuracy, *(method.accuracy or self.accuracy for method in self.methods.values())):
            context, slash, difficulty = accuracy.partition("/")
            if context not in ("bare", "templated") or "/" in difficulty or bool(slash) != bool(difficulty):
                raise InputError(
                    "accuracy: expected bare or templated, alone or with a difficulty as bare/DIFFICULTY, got "
                    f"{accuracy!r}."
                )
        parts = {(method.accuracy or self.accuracy).partition("/")[2] for method in self.methods.values()}
        if len(parts) > 1:
            raise InputError(
                "accuracy: expected the same questions of every method, since they are paired, got those of "
                f"{', '.join(repr(part or 'all') for part in sorted(parts))}. Contexts may differ: bare/hard and "
                "templated/hard."
            )
        rows = list(dict.fromkeys(variant.row for variant in self.variants()))
        if self.baseline not in rows:
            raise InputError(f"baseline: expected one of {', '.join(rows)}, got {self.baseline!r}.")

    def _check_tuning_seeds(self) -> None:
        seeds = self.tuning_seeds
        if seeds and (min(seeds) < 0 or len({*seeds, *self.seeds}) < len(seeds) + len(self.seeds)):
            raise InputError(f"tuning_seeds: expected each once, from 0, and none of seeds {self.seeds}, got {seeds}.")
        if seeds and not any(method.tune for method in self.methods.values()):
            raise InputError(f"tuning_seeds: expected a method with values to tune, got {seeds} and none.")

    def variants(self) -> Iterator["Variant"]:
        """All that is run; several of one row are tuned values, of which the row takes the best."""
        for name, method in self.methods.items():
            for row, tuned in product(_combinations(method.grid), list(_combinations(method.tune))):
                yield Variant(
                    row=" ".join(filter(None, [name, _label(row)])),
                    method=name,
                    layers=(
                        (self.configs, self.options),
                        (method.configs, {**method.options, **row, **tuned}),
                    ),
                    tuned=_label(tuned),
                    accuracy=method.accuracy or self.accuracy,
                )


@dataclass(frozen=True)
class Variant:
    """A configuration that is run with every seed.

    Args:
        row: Its row in the table.
        method: Its method.
        layers: Config files, relative to the study file, and options that come after them: the study's, the method's.
        tuned: What sets it apart from others that share its row; "" if it is alone.
        accuracy: What is compared of it, as in `Study`.
    """

    row: str
    method: str
    layers: tuple[tuple[Sequence[str], Mapping[str, Any]], ...]
    tuned: str
    accuracy: str

    def arguments(self, folder: Path) -> list[str]:
        """The arguments of `p2o fit`, of which later ones win; config files are relative to `folder`."""
        words: list[str] = []
        for configs, options in self.layers:
            words += [word for name in configs for word in ("--config", _place(folder, name))]
            words += [f"--{option}={_word(value)}" for option, value in options.items()]
        return words


def _place(folder: Path, name: str) -> str:
    """Where a config is; one that comes with p2o is named as `p2o:quickstart` everywhere."""
    return name if name.startswith("p2o:") else str(folder / name)


def _combinations(options: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*options.values()):
        yield dict(zip(options, values, strict=True))


def _label(options: Mapping[str, Any]) -> str:
    return " ".join(f"{option}={value}" for option, value in options.items())


def _word(value: Any) -> str:  # noqa: ANN401 (of any option)
    """A value as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
