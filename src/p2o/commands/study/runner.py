"""Runs what is missing, some runs at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from p2o.commands.study.fits import Fit


def run_missing(
    fits: Sequence[Fit], jobs: int, say: Callable[[str], None], check: Callable[[Fit], None] = lambda fit: None
) -> list[Fit]:
    """Runs each fit that is not done, once; those that failed.

    Args:
        fits: Several may be the same.
        jobs: Runs at a time; 0: none.
        say: Takes a line on every run that has ended.
        check: Takes each run that is done, and may raise: what no table could show is known after the first.
    """
    every = {fit.folder: fit for fit in fits}.values()
    missing = [fit for fit in every if not fit.done]
    say(f"{len(every)} runs, {len(every) - len(missing)} of them done; {len(missing)} to do, {jobs} at a time")
    if jobs == 0:
        return []
    failed = []
    with ThreadPoolExecutor(jobs) as threads:
        running = {threads.submit(fit.run): fit for fit in missing}
        try:
            for number, future in enumerate(as_completed(running), 1):
                fit = running[future]
                if future.result():
                    say(f"{number} of {len(missing)}: {fit.folder.name} is done")
                    check(fit)
                else:
                    failed.append(fit)
                    say(f"{number} of {len(missing)}: {fit.folder.name} FAILED, the end of {fit.log}:\n{fit.tail()}")
        finally:
            for future in running:
                future.cancel()  # after an interruption nothing new is begun
    return failed
