"""What can be known to fail is refused before anything is spent.

`p2o fit` is ended by the first problem, `p2o plan` lists them.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lightning import Callback, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from p2o.distributed.failures import watch
from p2o.distributed.process_counts import check_group, check_processes
from p2o.errors import InputError
from p2o.mixture.data_module import MixtureDataModule, mixture_of
from p2o.objective import Regularizer
from p2o.policy.loading import load_config
from p2o.policy.metrics import validation_metric
from p2o.policy.sharding import ShardedStrategy, check_strategy
from p2o.prompts.renderer import PromptRenderer
from p2o.rewards.base import Reward
from p2o.types import Question

if TYPE_CHECKING:
    from p2o.policy.module import PolicyModule


def check_sizes(
    temperature: float,
    max_prompt_length: int,
    max_completion_length: int,
    mini_batch_size: int,
    micro_batch_tokens: int,
    max_grad_norm: float,
) -> None:
    """Sizes of the section `model` that no run can have.

    Raises:
        InputError: One of them is out of range.
    """
    if temperature <= 0:
        raise InputError(f"model.temperature must be above 0, got {temperature}: equal rollouts teach nothing.")
    if min(mini_batch_size, micro_batch_tokens) < 1:
        raise InputError(
            "model.mini_batch_size and model.micro_batch_tokens must be at least 1, got "
            f"{mini_batch_size} and {micro_batch_tokens}."
        )
    if min(max_prompt_length, max_completion_length) < 1:
        raise InputError(
            "model.max_prompt_length and model.max_completion_length must be at least 1, got "
            f"{max_prompt_length} and {max_completion_length}."
        )
    if max_grad_norm <= 0:
        raise InputError(f"model.max_grad_norm must be above 0, got {max_grad_norm}.")


def check_run(stage: str, trainer: Trainer, module: "PolicyModule") -> None:
    """Checks the processes, the engine, the questions that a stage will ask, and what callbacks monitor.

    Raises:
        InputError: A question cannot be asked or never be answered, a part would have nothing to do, or a monitored
            accuracy is not measured.
    """
    check_strategy(trainer.strategy)
    if stage == "fit":
        reload = trainer.reload_dataloaders_every_n_epochs  # type: ignore[attr-defined]
        _refuse(trainer_problems(trainer.precision, reload))
    _refuse(average_problems(module.update.objective.regularizers, isinstance(trainer.strategy, ShardedStrategy)))
    check_group(module.engine.processes, trainer.world_size, load_config(module.model))
    for engine in (module.engine, *module.sampler.own_engines):
        engine.check(load_config(module.model), module.renderer.tokenizer, module.longest)
    watch()
    data = mixture_of(trainer)
    if stage == "test":
        questions = [question for benchmark in data.test_benchmarks for question in benchmark.questions]
        check_prompts(questions, module.renderer, module.max_prompt_length)
        warn_of_golds(questions, module.reward)
    else:
        if stage == "fit":
            check_processes(len(data.train_questions), trainer.world_size)
            _refuse(module.advantage.problems(module.reward))
            _refuse(module.sampler.problems(module.engine, module.update.objective.correction))
            check_guides(module.update.objective.regularizers, data, trainer.max_epochs or 1)
        questions = [*data.train_questions, *data.validation_questions]
        check_questions(questions, module.renderer, module.reward, module.max_prompt_length)
        check_monitors(trainer.callbacks, data.validation_questions)  # type: ignore[attr-defined]


def trainer_problems(precision: object, reload: int) -> Iterator[str]:
    """Settings of the Trainer under which training would be wrong, as the Trainer or a config names them.

    Gradients are clipped as they are, and float16's are scaled until the optimizer steps.
    """
    if precision not in (None, 32, "32", "32-true", "bf16", "bf16-mixed"):
        yield (
            f"trainer.precision: expected 32-true or bf16-mixed, got {precision!r}. float16 would scale the gradients "
            "that are clipped, and weights of half precision would not move at a learning rate of 1e-6."
        )
    if reload != 1:
        yield (
            f"trainer.reload_dataloaders_every_n_epochs: expected 1, got {reload}: the mixture of questions and "
            "templates would stay that of the first epoch."
        )


def check_guides(regularizers: Iterable[Regularizer], data: MixtureDataModule, epochs: int) -> None:
    """Refuses a regularizer that would never have anything to compare.

    Raises:
        InputError: It looks at bare rollouts beside templated ones, and there are none in any epoch.
    """
    for regularizer in regularizers:
        if regularizer.guided and data.bare_rollouts.extremes(epochs)[1] < 1:
            raise InputError(
                f"model.regularizers: {type(regularizer).__name__} compares bare rollouts of questions that carry "
                "templates with the templated policy, and data.bare_rollouts leaves none. Set it to 1 or more."
            )


def average_problems(regularizers: Iterable[Regularizer], sharded: bool) -> Iterator[str]:
    """A moving average of a policy that lies in shards, which nobody keeps."""
    if sharded and any(part.averages for part in regularizers):
        yield (
            "model.regularizers: weights: average needs the whole policy on each process, and trainer.strategy keeps "
            "it in shards. Set weights to current or initial, or train without shards."
        )


def check_questions(
    questions: Iterable[Question], renderer: PromptRenderer, reward: Reward, max_prompt_length: int
) -> None:
    """Asks the reward for each gold answer, and renders each bare question.

    Raises:
        InputError: The first of `question_problems`.
    """
    _refuse(question_problems(questions, renderer, reward, max_prompt_length))


def question_problems(
    questions: Iterable[Question], renderer: PromptRenderer, reward: Reward, max_prompt_length: int
) -> Iterator[str]:
    """Gold answers that no completion can match, and what `prompt_problems` finds; each names the question's origin."""
    questions = list(questions)
    for question in questions:
        if reason := reward.refuse(question):
            yield f"{_where(question)}: the answer {question.answer[:200]!r} can never be matched: {reason}."
    yield from prompt_problems(questions, renderer, max_prompt_length)


def check_prompts(questions: Iterable[Question], renderer: PromptRenderer, max_prompt_length: int) -> None:
    """Renders each bare question.

    Raises:
        InputError: The first of `prompt_problems`.
    """
    _refuse(prompt_problems(questions, renderer, max_prompt_length))


def prompt_problems(questions: Iterable[Question], renderer: PromptRenderer, max_prompt_length: int) -> Iterator[str]:
    """Questions that spell a control token, prompts that are too long, and different questions with one prompt.

    A chat template that drops or cuts what it is given asks the same for all, and no accuracy tells.
    """
    asked: dict[tuple[int, ...], Question] = {}
    for question in questions:
        try:
            prompt = renderer.question(question.text)
        except InputError as error:
            yield f"{_where(question)}: {error}"
            continue
        other, length = asked.setdefault(prompt, question), len(prompt)
        if other.text.split() != question.text.split():
            yield (
                f"{_where(question)}: the prompt is that of {_where(other)}, whose text is another one. Expected a "
                "chat template that writes the whole message; use another tokenizer."
            )
        if length > max_prompt_length:
            yield (
                f"{_where(question)}: the prompt has {length} tokens, model.max_prompt_length is {max_prompt_length}. "
                "Raise it, or leave the question out."
            )


def prompt_length(question: Question, renderer: PromptRenderer) -> int:
    """Tokens of the bare prompt of a question.

    Raises:
        InputError: The question spells a special token; names its origin.
    """
    try:
        return len(renderer.question(question.text))
    except InputError as error:
        raise InputError(f"{_where(question)}: {error}") from error


def check_monitors(callbacks: Iterable[Callback], validation: Iterable[Question]) -> None:
    """Holds `monitor` of checkpoints and the like against the accuracies that validation measures in every epoch.

    Lightning names the others at the end of the first epoch; until then nobody knows which there will be.

    Raises:
        InputError: One of validation is monitored that is not among them.
    """
    known = [validation_metric("bare", name) for name in dict.fromkeys(question.difficulty for question in validation)]
    for callback in callbacks:
        monitor = vars(callback).get("monitor") or ""
        if monitor.startswith("val/") and monitor not in known and vars(callback).get("strict", True):
            raise InputError(
                f"{type(callback).__name__}: monitor: expected an accuracy that validation measures in every epoch "
                f"({', '.join(known)}), got {monitor!r}. Those under a template come with the first template."
            )


def warn_of_golds(questions: Iterable[Question], reward: Reward) -> None:
    """Names the benchmark questions that count as wrong, whatever is answered: a benchmark is not ours to change."""
    lost = {question: reason for question in questions if (reason := reward.refuse(question))}
    if lost:
        named = "; ".join(f"{question.id} ({question.answer:.40}): {reason}" for question, reason in lost.items())
        rank_zero_warn(f"{len(lost)} benchmark answers are matched letter by letter alone: {named[:1000]}")


def _where(question: Question) -> str:
    return f"{question.origin or 'question'} (id {question.id!r})"


def check_lengths(max_prompt_length: int, max_completion_length: int, window: int) -> None:
    """Compares the two lengths with the window of `window` tokens that the model and its engine have.

    Raises:
        InputError: They do not fit into it together.
    """
    _refuse(length_problems(max_prompt_length, max_completion_length, window))


def length_problems(max_prompt_length: int, max_completion_length: int, window: int) -> Iterator[str]:
    """Lengths that do not fit together into the window of the model, or of an engine that has a smaller one."""
    if max_prompt_length + max_completion_length > window:
        yield (
            f"model.max_prompt_length ({max_prompt_length}) and model.max_completion_length ({max_completion_length}) "
            f"do not fit into the window of {window} tokens together, which is the model's or engine.max_model_len. "
            "Lower one of them."
        )


def _refuse(problems: Iterator[str]) -> None:
    if (problem := next(problems, None)) is not None:
        raise InputError(problem)
