"""How many processes a run may have, and how many of them an engine may put together."""

from transformers import PreTrainedConfig

from p2o.errors import InputError


def check_processes(questions: int, processes: int) -> None:
    """Refuses processes that would have no question of their own: they would train on those of others again.

    Raises:
        InputError: There are more processes than training questions.
    """
    if processes > questions:
        raise InputError(
            f"trainer.devices: expected at most {questions} processes, one for each training question, got "
            f"{processes}. Take fewer, or more questions."
        )


def check_group(size: int, processes: int, config: PreTrainedConfig) -> None:
    """Refuses groups of processes that cannot hold an engine's model together.

    Args:
        size: Processes of a group.
        processes: Of the run.
        config: Of the model.

    Raises:
        InputError: The processes do not make whole groups, or the attention heads do not make equal parts.
    """
    if processes % size:
        raise InputError(
            f"engine.tensor_parallel_size: expected a divisor of the {processes} processes of the run, got {size}. "
            "Each process trains on one device and lends it to the group."
        )
    text = config.get_text_config()
    heads = int(getattr(text, "num_attention_heads", 0) or 0)
    pairs = int(getattr(text, "num_key_value_heads", 0) or heads)
    if heads % size or max(pairs, size) % min(pairs or size, size):
        raise InputError(
            f"engine.tensor_parallel_size: expected a number that divides the model's {heads} attention heads, and its "
            f"{pairs} key-value heads or is a multiple of them, got {size}."
        )
