"""A micro-policy and questions on which advantage collapse, and its cure, show on two CPU cores."""

from pathlib import Path

from p2o.quickstart.chains import ChainQuestions

__all__ = ["INSTRUCTION", "MICRO_POLICY", "ChainQuestions"]

INSTRUCTION = "Answer within \\boxed{}.\nQuestion: "
"""Put before every question; it does not ask for steps, templates do."""

MICRO_POLICY = Path(__file__).parent / "micro_policy"
"""The bundled model, as `AutoModelForCausalLM.from_pretrained` takes it."""
