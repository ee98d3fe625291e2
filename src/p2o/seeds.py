"""Seeds that depend on names alone, so that a resumed run draws what the uninterrupted run drew."""

import hashlib


def derive_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for the thing called `names` in a run with `seed`.

    Independent of the order in which things happen and of the process that asks (Python's own `hash` is not).
    """
    digest = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
