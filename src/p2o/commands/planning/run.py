"""The run that is planned: its parts, and what is known of it without sampling."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from jsonargparse import Namespace

from p2o.callbacks.fixed_questions import FixedQuestionEvaluation
from p2o.errors import InputError, refuse
from p2o.evolution.callback import TemplateEvolution
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.loading import load_renderer, load_window
from p2o.policy.module import PolicyModule
from p2o.policy.preflight import prompt_length, trainer_problems
from p2o.policy.sharding import ShardedStrategy
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Reflector
from p2o.reflectors.diagnosing import DiagnosingReflector
from p2o.reflectors.wrapping import WrappingReflector
from p2o.rollouts import Workload


@dataclass(frozen=True)
class PlannedRun:
    """The parts that the config made, and their surroundings.

    Args:
        module: The policy module; it has loaded nothing.
        data: With its questions.
        evolution: The callback.
        renderer: Of prompts, with the policy's tokenizer.
        epochs: How many the run has.
        processes: How many the run has, over all nodes.
        lengths: Tokens of the bare prompt of each training question.
        window: Tokens of the model's window.
        probe: Questions that are asked again after each half-step.
        sharded: Whether the processes hold the policy together (trainer.strategy: sharded).
        mixed: Whether passes compute in 2 bytes (trainer.precision: bf16-mixed and the like).
        kl: Whether answers to them are compared with the policy before training.
    """

    module: PolicyModule
    data: MixtureDataModule
    evolution: TemplateEvolution
    renderer: PromptRenderer
    epochs: int
    processes: int
    lengths: tuple[int, ...]
    window: int
    probe: int = 0
    mixed: bool = False
    sharded: bool = False
    kl: bool = False

    @property
    def questions(self) -> int:
        """How many training questions there are."""
        return len(self.lengths)

    @property
    def questions_per_epoch(self) -> int:
        """How many of them an epoch asks."""
        return self.data.questions_per_epoch or self.questions

    @property
    def mean_length(self) -> float:
        """Tokens of a bare prompt on average."""
        return fmean(self.lengths)

    @property
    def max_templated_prompt_length(self) -> int:
        """Tokens of a templated prompt at most: what a completion leaves of the window."""
        return self.module.engine.fitting(self.window) - self.module.sampling.max_completion_length

    @property
    def most_hard(self) -> int:
        """Questions that an evolution of the run sees at most; 0 if there is none to serve a further epoch."""
        if self.epochs == 1:
            return 0
        size = self.questions_per_epoch
        return self.evolution.learn_from.most(self.data.train_questions, (self.epochs - 1) * size, size)

    @property
    def evolves(self) -> bool:
        """Whether any epoch of the run can have evolved templates."""
        return self.evolution.budget != 0 and self.most_hard >= self.evolution.min_hard_set

    @property
    def reflector(self) -> Reflector:
        """Who reflects, whatever is around it."""
        return list(layers(self.evolution.reflector))[-1]

    @property
    def judges(self) -> Sequence[object]:
        """Who names the kinds of failures that the reflector is told of."""
        around = layers(self.evolution.reflector)
        return [layer.judge for layer in around if isinstance(layer, DiagnosingReflector)]

    @property
    def writers(self) -> Sequence[Reflector]:
        """Who writes hints for the sampler, whatever is around them."""
        return [list(layers(writer))[-1] for writer in self.module.sampler.writers if isinstance(writer, Reflector)]

    @property
    def template_room(self) -> int:
        """Tokens that the longest question leaves of the window for a template."""
        return max(0, self.max_templated_prompt_length - max(self.lengths))

    @property
    def longest_template(self) -> int:
        """Tokens of a template or hint at most; 0 if there is none, all that fit if who writes them does not say.

        Longer ones are refused when they are proposed.
        """
        limits = [one.longest_template(self.renderer) for one in self._template_writers]
        room = self.template_room
        return max((room if limit is None else min(limit, room) for limit in limits), default=0)

    @property
    def silent_writers(self) -> Sequence[str]:
        """Who writes templates or hints and does not say how long they become."""
        silent = [one.name for one in self._template_writers if one.longest_template(self.renderer) is None]
        return list(dict.fromkeys(silent))

    @property
    def _template_writers(self) -> Sequence[Reflector]:
        hints = [writer for writer in self.module.sampler.writers if isinstance(writer, Reflector)]
        return [*([self.evolution.reflector] if self.evolves else []), *hints]

    @property
    def workload(self) -> Workload:
        """The sizes of the run that its sampler forecasts from."""
        size, most = self.questions_per_epoch, min(self.questions, self.epochs * self.questions_per_epoch)
        different = (size if self.data.draw.chooses else most, most)
        data = self.data
        return Workload(self.epochs, size, data.batch_size, data.num_generations, self.processes, different)


def layers(reflector: Reflector) -> Iterator[Reflector]:
    """The reflector, what it wraps, and so on to the one that does the work."""
    yield reflector
    if isinstance(reflector, WrappingReflector):
        yield from layers(reflector.reflector)


def planned_run(
    module: PolicyModule,
    data: MixtureDataModule,
    evolution: TemplateEvolution,
    fixed: FixedQuestionEvaluation,
    trainer: Namespace,
) -> PlannedRun:
    """Loads questions and tokenizer, but no weights.

    Args:
        module: Of the run, as are the others.
        data: The mixture.
        evolution: The callback that evolves templates.
        fixed: The callback that asks the same questions after each half-step.
        trainer: The settings of the section `trainer`.

    Raises:
        InputError: The run has no number of epochs, or what it names cannot be loaded.
    """
    if trainer.max_epochs == -1:
        raise InputError("p2o plan counts epochs: set trainer.max_epochs to 1 or more.")
    whole = {"limit_train_batches": 1.0, "limit_val_batches": 1.0, "val_check_interval": 1.0}
    for name, all_of_it in {**whole, "check_val_every_n_epoch": 1}.items():
        if (value := trainer[name]) is not None and repr(value) != repr(all_of_it):  # a limit of 1 is one batch
            raise InputError(
                f"p2o plan counts whole epochs with a validation after each: leave out trainer.{name}, got {value}. "
                "For fewer questions an epoch there is data.questions_per_epoch."
            )
    window = load_window(module.model, module.longest)
    renderer = load_renderer(module.model, module.instruction, module.chat_template_kwargs)
    data.setup("fit")
    lengths = tuple(prompt_length(question, renderer) for question in data.train_questions)
    asked = min(fixed.questions, len(lengths))
    reload, timed = trainer.reload_dataloaders_every_n_epochs, trainer.max_time is not None
    refuse(trainer_problems(trainer.precision, reload, trainer.max_steps, timed, trainer.overfit_batches or 0.0))
    mixed = str(trainer.precision).startswith("bf16")
    strategy = trainer.strategy.class_path if isinstance(trainer.strategy, Namespace) else trainer.strategy
    sharded = strategy.rpartition(".")[2] in ("sharded", ShardedStrategy.__name__)
    epochs = trainer.max_epochs or 1000  # Lightning's default
    sizes = (epochs, processes(trainer), lengths, window, asked)
    return PlannedRun(module, data, evolution, renderer, *sizes, mixed, sharded, fixed.kl and asked > 0)


def processes(trainer: Namespace) -> int:
    """How many processes the settings of the section `trainer` start, over all nodes."""
    gpus = torch.cuda.device_count() if trainer.accelerator in ("auto", "gpu", "cuda") else 0
    match trainer.devices:
        case list(devices):
            count = len(devices)
        case "auto" | -1 | "-1":
            count = max(1, gpus)
        case int(devices):
            count = devices
        case devices:  # "2" are two, "0,1" are those
            names = [name.strip() for name in str(devices).split(",") if name.strip()]
            if not all(name.isdecimal() for name in names):
                raise InputError(f"trainer.devices: expected a number, indices such as 0,1 or auto, got {devices!r}.")
            count = len(names) if "," in str(devices) else int(names[0])
    return count * int(trainer.num_nodes)
