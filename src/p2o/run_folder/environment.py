"""The versions and the hardware that a run has, as its folder keeps them."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("p2o", "torch", "transformers", "lightning", "math-verify", "vllm", "peft")


def environment(processes: int) -> dict[str, str]:
    """What a reader needs to judge the seconds of a run, and to repeat it; by name, in words.

    Args:
        processes: Of the run.
    """
    found = {name: installed for name in PACKAGES if (installed := _version(name))}
    return {
        **found,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "CPU": f"{_cpu()}, {os.cpu_count()} cores; threads of a process: {torch.get_num_threads()}",
        "GPU": _gpus() or "none",
        "processes": str(processes),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cpu() -> str:
    """The name of the processor; Linux has it in a file, and `platform` knows the architecture alone there."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _gpus() -> str:
    if not torch.cuda.is_available():
        return ""
    names = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    return ", ".join(f"{gpu.name} with {gpu.total_memory / 2**30:.0f} GiB" for gpu in names)
