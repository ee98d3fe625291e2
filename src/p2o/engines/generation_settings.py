"""What the policy's generation config means for rollouts: its eos tokens end them, and nothing in it bends them.

Policy gradients are of the policy's own distribution at the temperature of the run. Penalties, filters, suppressed or
forced tokens, beams and stop strings of a generation config would have rollouts come from another one. No engine
applies them; those that few models carry are named once.
"""

from transformers import PreTrainedModel

from p2o.errors import InputError

# Ids that are honoured or mean nothing here, filters that most models carry, and what has no bearing on rollouts.
ROUTINE = {
    "eos_token_id",
    "pad_token_id",
    "bos_token_id",
    "decoder_start_token_id",
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "max_length",
    "max_new_tokens",
    "use_cache",
    "cache_implementation",
    "output_attentions",
    "output_hidden_states",
    "transformers_version",
    "_from_model_config",
}


def eos_token_ids(policy: PreTrainedModel) -> list[int]:
    """The ids that end a completion.

    Raises:
        InputError: The generation config names none.
    """
    eos = policy.generation_config.eos_token_id
    if eos is None:
        raise InputError(
            f"The generation config of {policy.name_or_path!r} names no eos_token_id, so no completion would ever end."
        )
    return [eos] if isinstance(eos, int) else list(eos)


def ignored_settings(policy: PreTrainedModel) -> str:
    """A line that names what the generation config asks for and rollouts do not follow; "" if there is nothing."""
    asked = policy.generation_config.to_diff_dict()
    named = [f"{name}={asked[name]!r:.60}" for name in sorted(asked.keys() - ROUTINE) if asked[name] is not None]
    if not named:
        return ""
    return (
        f"The generation config of {policy.name_or_path!r} sets {', '.join(named)}. Rollouts are of the policy's own "
        "distribution and do not follow it; only its eos_token_id is honoured."
    )
