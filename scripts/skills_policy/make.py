"""Makes the policy of the world of skills: `python -m scripts.skills_policy.make OUT`.

Supervised training from random weights on `Corpus`, in a plain loop; the same seed makes the same rows, in order.
"""

import argparse
import json
import math
import random
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import ReflectionJob
from p2o.reflectors.prompt import reflection_prompt
from p2o.worlds.skills import FAMILIES
from scripts.skills_policy.corpus import INSTRUCTION, LENGTHS, Corpus, Row, direct, example, foreign, given_up
from scripts.skills_policy.instructions import SENTENCES, SERVES, Kind, draw_sentence, held_out

VOCABULARY = 1024
USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# A space belongs to the word before it, so that a number is the same token everywhere; a label takes its line break. A
# capital letter is one token wherever it stands, and so is an operation with its number.
PIECES = (
    r"(?:Add|Subtract|Multiply by) \d(?!\d)|\d+|\n?\([a-l]\) ?|\n?\\boxed\{|[A-Z](?![a-z])|[A-Z]?[a-z]+ ?"
    r"|[^\sA-Za-z\d]+ ?|\s+"
)

ROWS, PARTS = 64, 4  # rows in a step, in parts of like length
REFLECTIONS, EVERY = 8, 2  # reflection rows in a part of its own, in every second step
REFLECTION_SCALE = 0.6
COPIES, COPY_SCALE = 8, 0.2  # rows of copying beside the answers
INITIAL = 0.08
WARMUP = 50
SLOW = {"graph", "swap"}  # families that are learnt from short questions first


Part = tuple[Sequence[Row], float]
"""Rows that go through the model together, and the weight of their loss; parts of weight 1 share one mean."""


@dataclass(frozen=True)
class Phase:
    """A part of the training, with a schedule of its own.

    Attributes:
        draw: Draws the rows of a step in parts, each with its weight in the loss, told which step it is of how many.
        steps: Updates.
        peak_rate: The learning rate after the warm-up.
    """

    draw: Callable[[Corpus, int, int], list[Part]]
    steps: int
    peak_rate: float


def repeat(corpus: Corpus, step: int, steps: int) -> list[Part]:
    """Copying alone. Learnt in five hundred steps; among other rows it was not in thousands, nor were walks then."""
    return [(corpus.copies(ROWS // 2), 1.0)]


def learn(corpus: Corpus, step: int, steps: int) -> list[Part]:
    """The curriculum: short questions first, procedures before habits, keeping a template before reading failures."""
    done = step / steps
    for family in FAMILIES:
        corpus.longest[family] = min(max(LENGTHS), (2 if family in SLOW else 3) + int(done * 25))
    corpus.fitting = 0.85 if done < 0.2 else 0.42
    corpus.naming = 0.85 if done < 0.7 else 0.3
    corpus.extending = 0.8 if done < 0.7 else 0.4
    corpus.bare_reflections = 0.6 if done < 0.35 else 0.1
    return [*_mixture(corpus, step), *([(corpus.copies(COPIES), COPY_SCALE)] if done <= 0.6 else [])]


def polish(corpus: Corpus, step: int, steps: int) -> list[Part]:
    """The families that are learnt slowly come more often; habits last."""
    corpus.weights = {"chain": 1.6, "base": 1.4, "shift": 2.2, "sort": 2.2, "swap": 1.8, "graph": 2.0, "reverse": 0.7}
    corpus.fitting = 0.8 if step <= 0.6 * steps else 0.42
    return _mixture(corpus, step)


def settle(corpus: Corpus, step: int, steps: int) -> list[Part]:
    """Openings that nobody enters are left in many ways; habits as they shall last."""
    corpus.wanders = True
    corpus.weights = {"chain": 3.0, "base": 1.4, "shift": 1.6, "sort": 1.6, "swap": 2.2, "graph": 1.6, "reverse": 0.7}
    return _mixture(corpus, step)


def _mixture(corpus: Corpus, step: int) -> list[Part]:
    """Answers in parts of like length, and every other time reflections."""
    rows = sorted(corpus.answers(ROWS), key=lambda row: len(row.prompt) + len(row.completion))
    size = ROWS // PARTS
    parts: list[Part] = [(rows[i : i + size], 1.0) for i in range(0, ROWS, size)]
    return [*parts, *([(corpus.reflections(REFLECTIONS), REFLECTION_SCALE)] if step % EVERY == 0 else [])]


PHASES = (Phase(repeat, 1200, 2e-3), Phase(learn, 2400, 2e-3), Phase(polish, 1000, 2e-3), Phase(settle, 400, 1e-3))


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in which numbers below a hundred and capital letters are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(random.Random(seed)), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT],
        padding_side="left",
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _texts(rng: random.Random) -> list[str]:
    """What the merges are learnt from: numbers, sentences, questions, completions, and the reflection prompt."""
    texts = [str(number) for number in range(101)] * 1000
    texts += [sentence for sentence in SENTENCES if not held_out(sentence)] * 20
    for _ in range(3000):
        family = rng.choice(list(FAMILIES.values()))
        task = family.draw(rng, rng.randint(2, max(LENGTHS)))
        outputs = [direct(task), foreign(rng.choice(list(SERVES)))]
        if family.opening:
            outputs += [family.procedure(task), given_up(family.name, 1)]
        shown = example(task.text, task.answer, rng.choice(outputs))
        texts.append(reflection_prompt(ReflectionJob(draw_sentence(rng, rng.choice(list(Kind))), (shown,))))
    return texts


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A small Llama with random weights."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        initializer_range=INITIAL,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    _number_embeddings(model, tokenizer)
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    return model


@torch.no_grad()
def _number_embeddings(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Lets numbers begin as the sum of their residues modulo 4 and 25: steps are learnt twice as fast."""
    weights = model.get_input_embeddings().weight
    fours, twentyfives = (INITIAL * torch.randn(count, weights.shape[1]) for count in (4, 25))
    for number in range(100):
        token = tokenizer.encode(str(number))[0]
        weights[token] = 0.7 * (fours[number % 4] + twentyfives[number % 25]) + 0.3 * weights[token]


def row_losses(model: LlamaForCausalLM, rows: Sequence[Row]) -> torch.Tensor:
    """The summed cross-entropy of each row's learnt tokens [B], against chances where the row has a branch."""
    width = max(len(row.prompt) + len(row.completion) for row in rows)
    ids = torch.full((len(rows), width), model.config.pad_token_id)  # [B, T], padded on the right
    learnt = torch.zeros(len(rows), width, dtype=torch.bool)
    hard = torch.ones(len(rows), width)
    branches: list[tuple[int, int, int, float]] = []  # row, position, token, chance
    for i, row in enumerate(rows):
        start, end = len(row.prompt), len(row.prompt) + len(row.completion)
        ids[i, :end] = torch.tensor(row.prompt + row.completion)
        learnt[i, start:end] = True
        learnt[i, 1 : 1 + row.template] = True
        for position, chances in row.branches:
            hard[i, start + position] = 0.0
            branches += [(i, start + position, token, chance) for token, chance in chances.items()]
    # Causal attention never looks at padding on the right. Logits only where they are needed: most tokens are prompt.
    hidden = model.model(ids[:, :-1]).last_hidden_state[learnt[:, 1:]]
    logps: torch.Tensor = model.lm_head(hidden).log_softmax(-1)  # [N, V]
    own = logps.gather(-1, ids[learnt].unsqueeze(-1)).squeeze(-1) * hard[learnt]  # [N]
    losses = torch.zeros(len(rows)).index_add(0, learnt.nonzero()[:, 0], -own)
    if branches:
        places = torch.full((len(rows), width), -1)
        places[learnt] = torch.arange(int(learnt.sum()))
        of_row, at, tokens, weights = (torch.tensor(column) for column in zip(*branches, strict=True))
        losses = losses.index_add(0, of_row, -logps[places[of_row, at], tokens] * weights)
    return losses


def train(model: LlamaForCausalLM, corpus: Corpus, phase: Phase) -> Iterator[dict[str, float]]:
    """AdamW with warm-up and cosine decay; yields the mean loss of a token by topic, for each step."""
    decays = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=phase.peak_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min(1, (step + 1) / WARMUP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / phase.steps))),
    )
    for step in range(1, phase.steps + 1):
        parts = phase.draw(corpus, step, phase.steps)
        answered = sum(row.learnt for part, scale in parts if scale == 1.0 for row in part)
        seen = defaultdict[str, list[float]](list)
        for part, scale in parts:
            losses = row_losses(model, part)
            tokens = answered if scale == 1.0 else sum(row.learnt for row in part)
            (losses.sum() * scale / tokens).backward()
            for row, loss in zip(part, losses.tolist(), strict=True):
                seen[row.topic].append(loss / row.learnt)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        yield {topic: statistics.mean(values) for topic, values in seen.items()}


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the policy as `from_pretrained` reads it."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def run(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, phase: Phase, corpus: Corpus, folder: Path
) -> None:
    """Trains through a phase, says how it goes, and writes the policy every now and then."""
    began = time.monotonic()
    recent = defaultdict[str, deque[float]](lambda: deque(maxlen=50))
    for step, means in enumerate(train(model, corpus, phase), 1):
        for topic, mean in means.items():
            recent[topic].append(mean)
        if step % 50 == 0:
            losses = {topic: round(statistics.mean(values), 3) for topic, values in sorted(recent.items())}
            print(f"step {step}/{phase.steps}  {time.monotonic() - began:.0f} s  {json.dumps(losses)}", flush=True)
        if step % 100 == 0 or step == phase.steps:
            save(model, tokenizer, folder)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the policy, written every 100 steps")
    parser.add_argument("--after", type=Path, help="the policy of the first phase, which is left out then")
    parser.add_argument("--steps", type=int, help="of each phase, for a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="other counts round otherwise: another policy")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    if arguments.after:
        # Made anew after a change of the questions, the tokenizer would have other ids.
        tokenizer = AutoTokenizer.from_pretrained(arguments.after)
        model = LlamaForCausalLM.from_pretrained(arguments.after)
        model.train()
    else:
        tokenizer = make_tokenizer(arguments.seed)
        model = make_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    for number, phase in enumerate(PHASES):
        if arguments.after and number == 0:
            continue
        if arguments.steps:
            phase = replace(phase, steps=arguments.steps)
        corpus = Corpus(PromptRenderer(tokenizer, INSTRUCTION), arguments.seed + number)
        run(model, tokenizer, phase, corpus, arguments.out)


if __name__ == "__main__":
    main()
