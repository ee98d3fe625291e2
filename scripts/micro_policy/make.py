"""Makes the micro-policy: `python -m scripts.micro_policy.make OUT`.

Supervised training from random weights on `Corpus`, in a plain loop; the same seed makes the same rows, in order.
"""

import argparse
import math
import random
import statistics
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import reflection_prompt
from p2o.worlds.bundled import INSTRUCTION
from p2o.worlds.chains import MODULUS, draw_chain
from scripts.micro_policy.corpus import LENGTHS, MIXTURE, MOSTLY_STEPS, Corpus, CorpusRow, stepwise
from scripts.micro_policy.instructions import SENTENCES, Kind, draw_instruction, held_out

VOCABULARY = 896
USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
# A space belongs to the word before it, so that a number is the same token everywhere; a label takes its line break.
# An operation is one piece as well: with its name and its number apart, steps were not learnt in 800 updates.
PIECES = r"(?:Add|Subtract|Multiply by) \d(?!\d)|\d+|\n?\([a-h]\) ?|\n?\\boxed\{|[A-Za-z]+ ?|[^\sA-Za-z\d]+ ?|\s+"

ROWS, REFLECTIONS, EVERY = 48, 6, 2  # rows in a step; reflection rows in every second
INITIAL = 0.08  # 1/√128; a first trial with the usual 0.02 had not learnt to copy a number after 500 steps
PEAK_RATE, WARMUP = 2e-3, 50


def make_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in which each of the numbers 0 to 99 is one token."""
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
    """What the merges are learnt from: numbers, instructions, questions, answers, and the reflection prompt."""
    texts = [str(number) for number in range(MODULUS + 1)] * 1000
    texts += [sentence for sentence in SENTENCES if not held_out(sentence)] * 20
    for _ in range(2000):
        chain = draw_chain(rng, rng.choice((2, 8)))
        example = Example(INSTRUCTION + chain.text, stepwise(chain), f"The correct answer is {chain.answer}.")
        job = ReflectionJob(draw_instruction(rng, rng.choice(list(Kind))).text, (example,))
        texts.append(reflection_prompt(job))
    return texts


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """Makes a small Llama with random weights for the tokenizer."""
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
    """Lets numbers begin as the sum of their residues modulo 4 and 25: in a trial, steps were learnt twice as fast."""
    weights = model.get_input_embeddings().weight
    fours, twentyfives = (INITIAL * torch.randn(count, weights.shape[1]) for count in (4, 25))
    for number in range(MODULUS):
        token = tokenizer.encode(str(number))[0]
        weights[token] = 0.7 * (fours[number % 4] + twentyfives[number % 25]) + 0.3 * weights[token]


def summed_loss(model: LlamaForCausalLM, rows: Sequence[CorpusRow]) -> torch.Tensor:
    """The summed cross-entropy of the tokens that are learnt, each against its one or two targets."""
    width = max(len(row.prompt) + len(row.completion) for row in rows)
    ids = torch.full((len(rows), width), model.config.pad_token_id)  # [B, T], padded on the right
    learnt = torch.zeros(len(rows), width, dtype=torch.bool)
    others, chances = ids.clone(), torch.ones(len(rows), width)
    for i, row in enumerate(rows):
        start, end = len(row.prompt), len(row.prompt) + len(row.completion)
        ids[i, :end] = torch.tensor(row.prompt + row.completion)
        learnt[i, start:end] = True
        learnt[i, 1 : 1 + row.template] = True
        for choice in row.choices:
            others[i, start + choice.position] = choice.other
            chances[i, start + choice.position] = choice.chance
    # Causal attention never looks at padding on the right. Logits only where they are needed: most tokens are prompt.
    hidden = model.model(ids[:, :-1]).last_hidden_state[learnt[:, 1:]]
    logps: torch.Tensor = model.lm_head(hidden).log_softmax(-1)  # [N, V]
    own, other = (logps.gather(-1, target[learnt].unsqueeze(-1)).squeeze(-1) for target in (ids, others))  # [N]
    loss: torch.Tensor = -(chances[learnt] * own + (1 - chances[learnt]) * other).sum()
    return loss


def train(model: LlamaForCausalLM, corpus: Corpus, steps: int) -> Iterator[float]:
    """AdamW with warm-up and cosine decay; yields the loss of each step, a mean over tokens."""
    decays = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / WARMUP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
    )
    for step in range(1, steps + 1):
        # Attention finds its way among few operations, and keeps it among many; and steps are learnt before habits.
        corpus.longest = min(max(LENGTHS), 4 + step // 50)
        corpus.mixture = MOSTLY_STEPS if step < 200 else MIXTURE
        rows = sorted(corpus.answers(ROWS), key=lambda row: len(row.prompt) + len(row.completion))
        batches = [rows[: ROWS // 2], rows[ROWS // 2 :]]  # rows of like length together: less padding
        if step % EVERY == 0:
            batches.append(corpus.reflections(REFLECTIONS))
        tokens = sum(len(row.completion) + row.template for batch in batches for row in batch)
        mean = 0.0
        for batch in batches:
            loss = summed_loss(model, batch) / tokens
            loss.backward()
            mean += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        yield mean


def main() -> None:
    """Reads the command line, trains, and writes the policy every 100 steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the policy, written every 100 steps")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="other counts round otherwise: another policy")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    tokenizer = make_tokenizer(arguments.seed)
    model = make_model(tokenizer)
    corpus = Corpus(PromptRenderer(tokenizer, INSTRUCTION), arguments.seed)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens", flush=True)
    began, recent = time.monotonic(), deque[float](maxlen=50)
    for step, loss in enumerate(train(model, corpus, arguments.steps), 1):
        recent.append(loss)
        if step % 50 == 0:
            seconds = time.monotonic() - began
            print(f"step {step}/{arguments.steps}  loss {statistics.mean(recent):.4f}  {seconds:.0f} s", flush=True)
        if step % 100 == 0 or step == arguments.steps:
            model.save_pretrained(arguments.out)
            tokenizer.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
