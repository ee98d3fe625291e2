"""How rare a mark is without the template that taught it: `python benchmarks/mark_ratio.py RUN [RUN ...] [--epoch 1]`.

Reads the training rollouts that runs have logged (`rollouts/train-epoch-N.parquet`), takes the right ones of templated
questions, and scores them with the initial policy, at the temperature of the run, bare and templated. Of each, the
context ratio π(y_t|x)/π(y_t|x̃) of the rarest token of the first mark, which `Masked` compares with its bounds. The runs
must have a `MarkedAnswer`, and no step with a gradient before the epoch: its policy is the initial one then.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
import yaml
from transformers import PreTrainedModel

from p2o.policy.loading import load_policy, load_tokenizer
from p2o.prompts.renderer import PromptRenderer

BOUNDS = (1e-2, 1e-4, 1e-6)


def log_probs(policy: PreTrainedModel, prompt: tuple[int, ...], ids: list[int], temperature: float) -> torch.Tensor:
    """Of each token of a completion after a prompt, [T]."""
    logits = policy(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].float() / temperature  # [T, V]
    return logits.log_softmax(-1).gather(1, torch.tensor(ids)[:, None])[:, 0]


def ratios(run: Path, epoch: int, most: int) -> list[float]:
    """The context ratio of the mark in right templated completions of a run's epoch, `most` of them at most."""
    model: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["model"]
    mark, policy = model["reward"]["init_args"]["mark"], load_policy(model["model"]).eval()
    renderer = PromptRenderer(load_tokenizer(model["model"]), instruction=model["instruction"])
    rows = pq.read_table(run / "rollouts" / f"train-epoch-{epoch:04d}.parquet").to_pylist()
    found = []
    for row in [row for row in rows if row["template"] and row["outcome"] == "correct"][:most]:
        text = renderer.tokenizer(row["completion"], add_special_tokens=False, return_offsets_mapping=True)
        prompts = [renderer.question(row["question"], template) for template in ("", row["template"])]
        bare, templated = (log_probs(policy, each, text["input_ids"], model["temperature"]) for each in prompts)
        first = row["completion"].index(mark)
        within = [a < first + len(mark) and b > first for a, b in text["offset_mapping"]]
        found.append(float((bare - templated)[torch.tensor(within)].min().exp()))
    return found


def main() -> None:
    """Prints how many ratios lie below each bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--most", type=int, default=16, help="completions of a run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with torch.inference_mode():
        found = [ratio for run in options.runs for ratio in ratios(run, options.epoch, options.most)]
    below = ", ".join(f"{sum(ratio < bound for ratio in found) / len(found):.0%} below {bound:g}" for bound in BOUNDS)
    print(f"{len(found)} completions: median {statistics.median(found):.1e}, {below}")


if __name__ == "__main__":
    main()
