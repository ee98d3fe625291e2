"""The policies that come with p2o, and the instruction that they were made for."""

from pathlib import Path

INSTRUCTION = "Answer within \\boxed{}.\nQuestion: "
"""Put before every question; it does not ask for steps, templates do."""

MICRO_POLICY = Path(__file__).parent / "micro_policy"
"""The policy of the quickstart, as `AutoModelForCausalLM.from_pretrained` takes it."""

SKILLS_POLICY = Path(__file__).parent / "skills_policy"
"""The policy of the world of skills, likewise."""

BUNDLED_POLICIES = {"p2o/micro-policy": MICRO_POLICY, "p2o/skills-policy": SKILLS_POLICY}
"""Their folders by the names that `model.model` takes."""
