"""Numbers of processes that cannot work are refused in one message."""

import pytest
from transformers import LlamaConfig

from p2o.distributed.process_counts import check_group, check_processes
from p2o.errors import InputError


def test_more_processes_than_questions_are_one_message():
    check_processes(questions=3, processes=3)
    with pytest.raises(InputError, match="at most 3 processes, one for each training question, got 4"):
        check_processes(questions=3, processes=4)


@pytest.mark.parametrize(
    ("size", "processes", "message"),
    [
        (1, 3, ""),
        (2, 4, ""),
        (4, 4, ""),  # two processes for each key-value head
        (2, 3, "a divisor of the 3 processes of the run, got 2"),
        (8, 8, "divides the model's 12 attention heads, and its 2 key-value heads or is a multiple of them, got 8"),
        (3, 3, "2 key-value heads or is a multiple of them, got 3"),
    ],
)
def test_an_engine_whose_processes_cannot_share_the_heads_is_one_message(size, processes, message):
    config = LlamaConfig(num_attention_heads=12, num_key_value_heads=2, hidden_size=48)
    if not message:
        check_group(size, processes, config)
        return
    with pytest.raises(InputError, match=message):
        check_group(size, processes, config)
