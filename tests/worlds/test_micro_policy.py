"""The bundled policy shows advantage collapse: it solves hard questions under a useful template, and never bare."""

import random
from collections import Counter

import pytest
import torch

from p2o.reflectors.feedback import to_example
from p2o.rewards.boxed import last_boxed
from p2o.types import Completion, Grade, Outcome, Rollout
from p2o.worlds.bundled import INSTRUCTION, MICRO_POLICY
from p2o.worlds.chains import ChainQuestions
from scripts.micro_policy.corpus import BRANCH, COMMITTED, OPENERS, Choice, Corpus, CorpusRow
from scripts.micro_policy.instructions import SENTENCES, Kind, draw_instruction, held_out, parse_instruction
from scripts.micro_policy.make import summed_loss
from scripts.micro_policy.measure import Measurer, easy_questions, example, right, stepwise

COUNT = 64


@pytest.fixture(scope="module")
def measurer():
    torch.set_num_threads(1)
    return Measurer(MICRO_POLICY)


@pytest.fixture(scope="module")
def easy():
    return ChainQuestions("validation", easy=COUNT, hard=0, seed=7).load()


@pytest.fixture(scope="module")
def hard():
    return ChainQuestions("validation", easy=0, hard=COUNT, seed=7).load()


@pytest.fixture
def rng():
    return random.Random(0)


def accuracy(questions, texts):
    return sum(right(question, text) for question, text in zip(questions, texts, strict=True)) / len(questions)


def templates(rng, kind):
    return [draw_instruction(rng, kind, unseen=True).text for _ in range(COUNT)]


def test_the_bundle_is_small():
    assert sum(file.stat().st_size for file in MICRO_POLICY.iterdir()) <= 6_000_000


def test_every_number_is_one_token(measurer):
    for number in range(101):
        ids = measurer.renderer.tokenizer.encode(str(number))
        assert len(ids) == 1 and measurer.renderer.tokenizer.decode(ids) == str(number)


def test_the_tokenizer_keeps_any_text(measurer):
    text = "Über  12345\t(a) naïve\n\n \\boxed{7} ```✓"
    tokenizer = measurer.renderer.tokenizer
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_end_and_padding_are_distinct_and_nothing_bends_sampling(measurer):
    tokenizer, config = measurer.renderer.tokenizer, measurer.policy.generation_config
    assert tokenizer.bos_token is None and tokenizer.eos_token_id != tokenizer.pad_token_id
    assert config.eos_token_id == tokenizer.eos_token_id and config.pad_token_id == tokenizer.pad_token_id
    assert not {"temperature", "top_p", "top_k", "do_sample"} & config.to_diff_dict().keys()


def test_bare_easy_questions_are_answered(measurer, easy):
    assert accuracy(easy, measurer.answer(easy)) > 0.85


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_bare_hard_questions_are_not(measurer, hard, temperature):
    texts = measurer.answer(hard, temperature=temperature)
    assert accuracy(hard, texts) < 0.1
    assert not any(map(stepwise, texts))


def test_a_strong_template_never_seen_in_training_solves_hard_questions(measurer, hard, rng):
    assert accuracy(hard, measurer.answer(hard, templates(rng, Kind.STRONG))) > 0.8


def test_a_partial_template_takes_steps_now_and_then(measurer, hard, rng):
    texts = measurer.answer(hard, templates(rng, Kind.PARTIAL))
    assert 0.15 < sum(map(stepwise, texts)) / len(texts) < 0.8


def test_a_useless_template_is_useless(measurer, hard, rng):
    assert accuracy(hard, measurer.answer(hard, templates(rng, Kind.USELESS))) < 0.15


def test_each_branching_is_rare_but_never_so_rare_that_the_context_ratio_masks_it(measurer, hard):
    for level in range(len(OPENERS)):
        chances = measurer.branch(hard[:16], level)
        assert BRANCH / 2 < sum(chances) / len(chances) < BRANCH * 2
        assert min(chances) > 0.02


def test_the_path_leads_to_the_answer_without_a_template(measurer, hard):
    assert accuracy(hard, measurer.complete(measurer.walk(hard, len(OPENERS)))) > 0.8


def test_a_short_chain_is_mostly_answered_where_the_path_is_left(measurer, easy):
    texts = [text for level in range(1, len(OPENERS)) for text in measurer.complete(measurer.walk(easy, level))]
    assert COMMITTED - 0.15 < accuracy(easy * (len(OPENERS) - 1), texts) < COMMITTED + 0.15


@pytest.mark.parametrize("level", range(1, len(OPENERS)))
def test_a_long_chain_is_left_unanswered_where_the_path_is_left(measurer, hard, level):
    texts = measurer.complete(measurer.walk(hard, level))
    left = [last_boxed(text) for text in texts if not stepwise(text)]
    assert left.count("?") >= 0.9 * len(left) > 0.7 * COUNT


@pytest.mark.slow
def test_it_proposes_templates_of_every_kind(measurer):
    # The rarest kind is one in seven proposals: of 64, fewer than two come once in a thousand draws, of 32, in twenty.
    proposals = measurer.reflect(64)
    texts = [proposal.template for proposal in proposals if proposal.template]
    assert len(texts) >= 58
    assert len(set(texts)) >= 40
    instructions = [parse_instruction(text) for text in texts]
    assert sum(instruction is not None for instruction in instructions) >= 40
    kinds = Counter(instruction.kind for instruction in instructions if instruction)
    assert min(kinds[kind] for kind in Kind) >= 2


def test_it_is_measured_with_the_feedback_of_a_run(hard):
    question = hard[0]
    grades = {
        f"\\boxed{{{question.answer}}}": Grade(1.0, Outcome.CORRECT, question.answer),
        "\\boxed{x}": Grade(0.0, Outcome.WRONG, "x"),
        "Let me see.": Grade(0.0, Outcome.NO_ANSWER),
    }
    for text, grade in grades.items():
        rollout = Rollout(question, "", (), Completion((), False), text, grade)
        assert example(question, text) == to_example(rollout, INSTRUCTION)


def test_training_rows_are_train_chains_under_trained_sentences(measurer):
    corpus = Corpus(measurer.renderer, seed=0)
    kept = {sentence for sentence in SENTENCES if held_out(sentence)}
    validation = {question.text for question in easy_questions()}
    for row in corpus.answers(300) + corpus.reflections(20):
        text = measurer.renderer.decode(row.prompt + row.completion)
        assert not any(sentence in text for sentence in kept)
        assert not any(question in text for question in validation)


def test_choices_stand_where_an_opener_and_a_direct_answer_part(measurer):
    tokenizer = measurer.renderer.tokenizer
    openers = [tokenizer.encode(opener)[0] for opener in OPENERS]
    box = tokenizer.encode("\\boxed{")[0]
    assert len({box, *openers}) == len(OPENERS) + 1  # one token decides, and each level has its own
    for row in Corpus(measurer.renderer, seed=0).answers(200):
        branchings = [choice for choice in row.choices if choice.chance != COMMITTED]
        for level, choice in enumerate(branchings):
            assert {row.completion[choice.position], choice.other} == {openers[level], box}
        taught = tokenizer.decode(row.prompt[1 : 1 + row.template])
        assert parse_instruction(taught) if taught else measurer.renderer.decode(row.prompt).startswith(INSTRUCTION)


def test_rows_that_leave_the_path_give_the_answers_of_short_chains_alone(measurer):
    unsure = measurer.renderer.tokenizer.encode("?")
    found = set()
    for row in Corpus(measurer.renderer, seed=0).answers(300):
        question, completion = measurer.renderer.decode(row.prompt), measurer.renderer.decode(row.completion)
        if OPENERS[0] in completion and not stepwise(completion):
            last = row.choices[-1]
            now_and_then = (last.chance, [last.other]) == (COMMITTED, unsure) and (
                measurer.renderer.decode(row.completion[last.position :]) == last_boxed(completion) + "}"
            )
            found.add(("(c)" in question, last_boxed(completion) == "?", now_and_then))
    assert found == {(True, True, False), (False, False, True)}


def test_the_loss_of_a_choice_is_shared_between_its_two_tokens(measurer):
    prompt, completion = measurer.renderer.question("What?", "Be brief."), (7, 8, 9)
    row = CorpusRow(prompt, completion, template=2, choices=(Choice(position=1, other=11, chance=0.3),))
    short = CorpusRow(prompt[:5], completion)  # padded in the batch
    logps = measurer.policy(torch.tensor([prompt + completion])).logits[0].log_softmax(-1)
    start = len(prompt)
    by_hand = [(logps[0, prompt[1]], 1), (logps[1, prompt[2]], 1), (logps[start - 1, 7], 1)]
    by_hand += [(logps[start, 8], 0.3), (logps[start, 11], 0.7), (logps[start + 1, 9], 1)]
    alone = -sum(logp * weight for logp, weight in by_hand)
    torch.testing.assert_close(summed_loss(measurer.policy, [row]), alone)
    torch.testing.assert_close(
        summed_loss(measurer.policy, [row, short]), alone + summed_loss(measurer.policy, [short])
    )


def test_the_corpus_depends_on_its_seed_alone(measurer):
    first, second, other = (Corpus(measurer.renderer, seed).answers(20) for seed in (0, 0, 1))
    assert first == second != other
