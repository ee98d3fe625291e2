"""How the threads of torch wait for work on CPUs."""

from collections.abc import MutableMapping

BRIEFLY = "3000"  # turns of a loop, some 10 µs


def wait_briefly(environment: MutableMapping[str, str]) -> None:
    """Has idle threads of GNU's OpenMP spin for some 10 µs before they sleep, unless the environment says otherwise.

    By default they spin for milliseconds, which takes the cores that other processes need: beside one of those a step
    took almost three times as long. `OMP_WAIT_POLICY=passive` has them sleep at once, and be woken for each operation
    (benchmarks/threads.py).

    Must come before torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", BRIEFLY)
