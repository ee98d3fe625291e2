"""Sizes of the section `model` that no run can have, and lengths that do not fit together."""

from collections.abc import Iterator

from p2o.errors import InputError, refuse


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


def check_lengths(max_prompt_length: int, max_completion_length: int, window: int) -> None:
    """Compares the two lengths with the window of `window` tokens that the model and its engine have.

    Raises:
        InputError: They do not fit into it together.
    """
    refuse(length_problems(max_prompt_length, max_completion_length, window))


def length_problems(max_prompt_length: int, max_completion_length: int, window: int) -> Iterator[str]:
    """Lengths that do not fit together into the window of the model, or of an engine that has a smaller one."""
    if max_prompt_length + max_completion_length > window:
        yield (
            f"model.max_prompt_length ({max_prompt_length}) and model.max_completion_length ({max_completion_length}) "
            f"do not fit into the window of {window} tokens together, which is the model's or engine.max_model_len. "
            "Lower one of them."
        )
