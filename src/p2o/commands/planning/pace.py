"""How the seconds of rollouts and updates grow with their tokens."""

from dataclasses import dataclass

from p2o.commands.planning.span import Span


@dataclass(frozen=True)
class Pace:
    """Seconds of a rollout, or of its part of an update: some for the rollout, and some for each of its tokens.

    Reading the prompt, grading and the start of a pass cost the same whatever comes of it: by tokens alone, a policy
    that answers shortly now and at length later would seem ten times as slow as it is.
    """

    rollout: float
    token: float

    @staticmethod
    def through(short: tuple[float, float], long: tuple[float, float]) -> "Pace":
        """The line through two measurements, each of tokens and seconds of a rollout; never a falling one.

        If the longer one is hardly longer, all seconds are taken to be those of tokens.
        """
        (few, quick), (many, slow) = short, long
        if many < 1.5 * few or slow <= quick:
            return Pace(0.0, quick / few)
        token = min((slow - quick) / (many - few), quick / few)
        return Pace(quick - few * token, token)

    def seconds(self, rollouts: Span, tokens: Span) -> Span:
        """Seconds of so many rollouts that have so many tokens together."""
        return rollouts * self.rollout + tokens * self.token
