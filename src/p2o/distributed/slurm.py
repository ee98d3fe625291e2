"""What a job tells SLURM, and what SLURM tells a job."""

import subprocess
from collections.abc import Mapping

from lightning.pytorch.utilities import rank_zero_warn


def queued_again(environment: Mapping[str, str]) -> bool:
    """Whether this job has run before, and was put into the queue again."""
    return int(environment.get("SLURM_RESTART_COUNT", "0")) > 0


def job_of(environment: Mapping[str, str]) -> str:
    """The job that this process belongs to, which keeps its name in the queue; empty without SLURM."""
    if "SLURM_ARRAY_JOB_ID" in environment:
        return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    return environment.get("SLURM_JOB_ID", "")


def requeue(environment: Mapping[str, str]) -> None:
    """Puts a job of SLURM into the queue again: it sends SIGUSR1 ahead of the time limit for that."""
    if not (job := job_of(environment)):
        return
    try:
        subprocess.run(["scontrol", "requeue", job], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        rank_zero_warn(
            f"`scontrol requeue {job}` failed: {error}. Submit the job again; it resumes with --ckpt_path last."
        )
