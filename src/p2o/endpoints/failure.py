"""Why an attempt of a call brought no reply."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """Why an attempt brought no reply.

    Args:
        cause: Short and fixed, to be counted.
        detail: For the message.
        advice: What to do.
        retried: Whether another attempt may fare better.
        permanent: Whether every other call would fail, too.
        wait: Seconds that the server asks to wait for; None if it does not say.
        refused: Whether a filter of the server's refused this prompt, which says nothing of others.
        paid: Whether the call may be billed all the same, since something was answered.
    """

    cause: str
    detail: str
    advice: str
    retried: bool = False
    permanent: bool = False
    wait: float | None = None
    refused: bool = False
    paid: bool = False
