"""Models behind OpenAI-compatible endpoints: asked with deadlines, limits and secrecy."""

from p2o.endpoints.budget import Spending
from p2o.endpoints.calls import CallResult
from p2o.endpoints.chat import CallFailed, ChatReply
from p2o.endpoints.client import Endpoint
from p2o.endpoints.models import try_endpoints
from p2o.endpoints.retry import Retries
from p2o.endpoints.usage import ZERO_USAGE, Usage

__all__ = [
    "ZERO_USAGE",
    "CallFailed",
    "CallResult",
    "ChatReply",
    "Endpoint",
    "Retries",
    "Spending",
    "Usage",
    "try_endpoints",
]
