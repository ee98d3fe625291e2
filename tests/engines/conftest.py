"""A real vLLM server of the tiny model, for all files that ask for one: it takes longer to start than most tests."""

import pytest

from tiny_policy import build_policy
from vllm_servers import serving


@pytest.fixture(scope="session")
def tiny_servers(tokenizer, tmp_path_factory):
    """Heads of 32, as vLLM has no smaller ones on CPU; tied, as that is where a transfer can forget the head."""
    folder = tmp_path_factory.mktemp("served")
    build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32, tied=True).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    with serving(folder / "model", folder) as servers:
        yield servers
