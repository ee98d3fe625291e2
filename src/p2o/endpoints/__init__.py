"""Models behind OpenAI-compatible endpoints: asked with deadlines, limits and secrecy."""

from p2o.endpoints.calls import Result
from p2o.endpoints.chat import Answer, CallFailed
from p2o.endpoints.endpoint import RETRIES, SPENDING, Endpoint
from p2o.endpoints.retries import Retries
from p2o.endpoints.spending import Spending
from p2o.endpoints.usage import FREE, Usage

__all__ = ["FREE", "RETRIES", "SPENDING", "Answer", "CallFailed", "Endpoint", "Result", "Retries", "Spending", "Usage"]
