"""The policies that come with p2o, and the instruction that they were made for."""

from pathlib import Path

INSTRUCTION = "Answer within \\boxed{}.\nQuestion: "
"""Put before every question; it does not ask for steps, templates do."""

MICRO_POLICY = Path(__file__).parent / "micro_policy"
"""The bundled model, as `AutoModelForCausalLM.from_pretrained` takes it."""
