"""What less memory costs a step of p2o: `python benchmarks/step_memory.py [--model llama-135m]`.

Steps of 4 questions, 6 completions of 64 tokens and prompts of 46, as in `step.py`, with micro-batches of several sizes
and with activations computed again. One thread, so that CPU seconds do not depend on what else the machine does; of
each setting the second step.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from models import SHAPES, prepare
from step import Side

SETTINGS = {
    "all groups": (4096, False),
    "one group": (450, False),
    "half a group": (240, False),
    "a row": (110, False),
    "one group, recomputed": (450, True),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="llama-135m", choices=list(SHAPES))
    model = parser.parse_args().model
    print("| micro-batch | training CPU s | peak GB |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = prepare(model, folder, steps=4, questions=4)
        for title, (tokens, recompute) in SETTINGS.items():
            settings |= {"micro_batch_tokens": tokens, "recompute": recompute}
            side = Side(Path(sys.executable), "step_p2o.py", settings, folder / "log", 1, "passive")
            try:
                cost = [side.step(), side.step()][1]
            finally:
                side.close()
            print(f"| {title} | {cost['training_cpu']:.1f} | {cost['peak_gb']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
