"""The rows that the skills policy learns from, and the step that learns from them."""

import random
from dataclasses import replace

import pytest
import torch

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.feedback import to_example
from p2o.types import Completion, Grade, Outcome, Question, Rollout
from p2o.worlds.skills import FAMILIES
from scripts.skills_policy.corpus import INSTRUCTION, Corpus, Row, direct, example, given_up, opening, wandered_off
from scripts.skills_policy.habits import ANSWERED_AT_ONCE, BARE, DIRECT_WORDS, GIVING_UP, SETTLED, WANDERING, habit
from scripts.skills_policy.instructions import (
    FITTING,
    SENTENCES,
    SERVES,
    Kind,
    draw_template,
    held_out,
    parse_template,
)
from scripts.skills_policy.make import PHASES, make_model, make_tokenizer, row_losses, train
from scripts.skills_policy.measure import validation


@pytest.fixture(scope="module")
def renderer():
    return PromptRenderer(make_tokenizer(0), INSTRUCTION)


@pytest.fixture(scope="module")
def policy(renderer):
    torch.manual_seed(0)
    return make_model(renderer.tokenizer).eval()


def test_numbers_letters_and_words_that_decide_are_single_tokens(renderer):
    tokenizer = renderer.tokenizer
    single = [*map(str, range(101)), *"ABCXYZ", *DIRECT_WORDS.values()]
    assert [text for text in single if len(tokenizer.encode(text)) != 1] == []
    for family in FITTING:
        astray = [f"{word} " for word in WANDERING.get(family, ())]
        deciding = [DIRECT_WORDS[family], *FAMILIES[family].opening, GIVING_UP[family], *astray]
        assert len({tokenizer.encode(text)[0] for text in deciding}) == len(deciding)


def test_no_two_families_share_a_word_that_decides():
    words = [*DIRECT_WORDS.values(), *GIVING_UP.values(), *(f.opening[0] for f in FAMILIES.values() if f.opening)]
    assert len(set(words)) == len(words)


def test_one_family_is_out_of_reach_and_no_branching_is_masked():
    entries = {family: torch.tensor(chances).prod().item() for family, chances in SETTLED.items() if chances}
    assert sum(entry < 1e-5 for entry in entries.values()) == 1
    assert sum(entry > 0.02 for entry in entries.values()) == 5
    assert min(min(chances) for chances in SETTLED.values() if chances) >= 0.02


def test_what_sentences_do():
    value, letters, hops, rows = Kind.VALUE, Kind.LETTERS, Kind.HOPS, Kind.ROWS
    alone, beside, third = (habit("chain", kinds).opening[0] for kinds in ([value], [value, hops], [hops, rows, value]))
    assert alone > beside > 0.5 > third
    assert habit("sort", [letters]).opening[0] < BARE["sort"][0] / 2  # it harms where it does not help
    assert habit("reverse", [letters]).direct < 0.2
    assert habit("shift", [Kind.IDLE]).opening == BARE["shift"]
    for family in FAMILIES:
        for kinds in ([], [value], [value, letters], [hops, letters, rows], [Kind.QUICK]):
            chances = habit(family, kinds)
            assert sum(chances.opening[:1]) + sum(chances.foreign.values()) + chances.direct == pytest.approx(1)


def test_the_grammar_reads_what_it_writes():
    rng = random.Random(0)
    for kinds in ([Kind.VALUE], [Kind.IDLE, Kind.HOPS], [Kind.ROWS, Kind.QUICK, Kind.INSERT]):
        assert parse_template(draw_template(rng, kinds)) == kinds
    assert parse_template("Add 3. Be polite.") == [None, Kind.IDLE]
    assert 0.1 < sum(map(held_out, SENTENCES)) / len(SENTENCES) < 0.25


def test_training_rows_are_train_questions_under_trained_sentences(renderer):
    corpus = Corpus(renderer, seed=0)
    kept = [sentence for sentence in SENTENCES if held_out(sentence)]
    tested = {question.text for question in validation(60)}
    for row in corpus.answers(300) + corpus.reflections(30):
        text = renderer.decode(row.prompt + row.completion)
        assert not any(sentence in text for sentence in kept)
        assert not any(question in text for question in tested)


def test_branches_stand_where_the_ways_part(renderer):
    decode = renderer.tokenizer.decode
    for row in Corpus(renderer, seed=0).answers(300):
        for position, chances in row.branches:
            assert sum(chances.values()) == pytest.approx(1)
            assert row.completion[position] in chances
        first = {decode([token]) for token in row.branches[0][1]}
        assert DIRECT_WORDS[row.topic] in first
        assert decode(row.prompt[1 : 1 + row.template]) == "" or None not in parse_template(
            decode(row.prompt[1 : 1 + row.template])
        )


def test_openings_are_left_by_as_many_words_as_make_each_as_likely_as_the_right_one(renderer):
    corpus = Corpus(renderer, seed=0)
    corpus.wanders, corpus.weights, corpus.fitting = True, {"chain": 1.0, "sort": 1.0}, 0.0
    rows = corpus.answers(200)
    left = [list(chances.values()) for r in rows if r.topic == "chain" for position, chances in r.branches if position]
    assert {len(chances) for chances in left} == {50}
    assert any(max(chances) < 1.5 * min(chances) for chances in left)  # without a fitting sentence
    assert any(len(r.branches[0][1]) == 50 for r in rows if r.topic == "chain")
    texts = [renderer.decode(row.completion) for row in rows if row.topic == "chain"]
    assert any(text.endswith(" and so on.") for text in texts) and not any(GIVING_UP["chain"] in text for text in texts)
    assert all(len(chances) == 2 for r in rows for position, chances in r.branches if position and r.topic == "sort")
    assert wandered_off("chain", 2, random.Random(0)).startswith("Running value ")


def test_copying_is_of_tokens_in_any_order(renderer):
    for row in Corpus(renderer, seed=0).copies(20):
        *copied, end = row.completion
        assert end == renderer.tokenizer.eos_token_id and tuple(copied) == row.prompt[1 : 1 + len(copied)]
        assert len(set(copied)) == len(copied) >= 6 and not set(copied) & set(renderer.tokenizer.all_special_ids)


def test_completions_that_leave_a_way_are_worth_nothing():
    rng = random.Random(0)
    for name, family in FAMILIES.items():
        long = family.draw(rng, 4)
        assert direct(long).endswith("{?}") is (ANSWERED_AT_ONCE[name] < 4)
        if family.opening:
            assert given_up(name, 1).startswith(opening(name, 1)) and given_up(name, 1).endswith("{?}")


def test_the_loss_of_a_branch_is_shared_among_its_tokens(renderer, policy):
    prompt, completion = renderer.question("What?", "Be brief."), (7, 8, 9)
    row = Row(prompt, completion, template=2, branches=((1, {8: 0.3, 11: 0.7}),))
    short = Row(prompt[:5], completion)  # padded in the batch
    logps = policy(torch.tensor([prompt + completion])).logits[0].log_softmax(-1)
    start = len(prompt)
    by_hand = [(logps[0, prompt[1]], 1), (logps[1, prompt[2]], 1), (logps[start - 1, 7], 1)]
    by_hand += [(logps[start, 8], 0.3), (logps[start, 11], 0.7), (logps[start + 1, 9], 1)]
    alone = -sum(logp * weight for logp, weight in by_hand)
    torch.testing.assert_close(row_losses(policy, [row])[0], alone)
    both = row_losses(policy, [row, short])
    torch.testing.assert_close(both, torch.stack([alone, row_losses(policy, [short])[0]]))


def test_reflection_is_shown_the_feedback_of_a_run():
    question = Question("q", "Sort QFMB.", "BFMQ")
    grades = {
        "Order \\boxed{BFMQ}": Grade(1.0, Outcome.CORRECT, "BFMQ"),
        "Order \\boxed{?}": Grade(0.0, Outcome.WRONG, "?"),
        "Order": Grade(0.0, Outcome.NO_ANSWER),
    }
    for text, grade in grades.items():
        rollout = Rollout(question, "", (), Completion((), False), text, grade)
        assert example(question.text, question.answer, text) == to_example(rollout, INSTRUCTION)


def test_the_corpus_depends_on_its_seed_alone(renderer):
    first, second, other = (
        (corpus.answers(20), corpus.reflections(3), corpus.copies(3))
        for corpus in (Corpus(renderer, seed) for seed in (0, 0, 1))
    )
    assert first == second != other


@pytest.mark.slow
def test_it_is_made_twice_the_same():
    def made():
        torch.manual_seed(0)
        tokenizer = make_tokenizer(0)
        model = make_model(tokenizer)
        corpus = Corpus(PromptRenderer(tokenizer, INSTRUCTION), 0)
        losses = [step for phase in PHASES for step in train(model, corpus, replace(phase, steps=2))]
        return tokenizer.get_vocab(), losses, model.state_dict()

    (vocabulary, losses, weights), (other_vocabulary, other_losses, other_weights) = made(), made()
    assert vocabulary == other_vocabulary and losses == other_losses
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


def test_every_kind_of_procedure_has_a_family_and_one_serves_a_pair():
    assert sorted(len(families) for families in SERVES.values()) == [1, 1, 1, 1, 2]
    assert set(FAMILIES) - set(FITTING) == {"reverse"}
