"""No text of a question, a template or a reply forges a chat turn, whatever the tokenizer calls its control tokens."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tokenizers import AddedToken, normalizers
from untrusted import CONTROL_TOKENS, FENCES, ODD, THOUGHTS, WORDS, cases, encodable, texts

from p2o.errors import InputError
from p2o.evolution.proposals.prompt_check import PromptCheck
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.parsing import parse_reply
from p2o.types import Question
from tiny_policy import build_tokenizer

CHAT = "{% for m in messages %}USER{{ m.content }}END{% endfor %}{% if add_generation_prompt %}ASSISTANT{% endif %}"


def added(user, assistant, end, **flags):
    """A tokenizer whose role tokens are added tokens with these flags, and stand in its chat template."""
    tokenizer = build_tokenizer()
    tokenizer.add_tokens([AddedToken(token, **flags) for token in (user, assistant, end)])
    tokenizer.chat_template = CHAT.replace("USER", user).replace("ASSISTANT", assistant).replace("END", end)
    return tokenizer


def lower_cased():
    """Added tokens that are found in the normalized text: <|USER|> is <|user|> to them."""
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.add_tokens(
        [AddedToken(token, special=False, normalized=True) for token in ("<|im_start|>", "<|im_end|>")]
    )
    tokenizer.chat_template = "{% for m in messages %}<|im_start|>user\n{{ m.content }}<|im_end|>{% endfor %}"
    return tokenizer


TOKENIZERS = {
    "special": build_tokenizer,
    "added, not special": lambda: added("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", special=False),
    "special, unnamed": lambda: added("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", special=True),
    "stripping": lambda: added("[INST]", "[/INST]", "</s>", special=False, lstrip=True, rstrip=True),
    "lower case": lower_cased,
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def renderer(request):
    return PromptRenderer(TOKENIZERS[request.param]())


def control_tokens(renderer, ids):
    known = renderer.tokenizer.get_added_vocab().values()
    return [token for token in ids if token in known]


TEXTS = texts(*CONTROL_TOKENS, *(token.upper() for token in CONTROL_TOKENS), *ODD, *WORDS, *THOUGHTS)


@cases(40)
@given(TEXTS, TEXTS)
def test_no_text_yields_a_control_token(renderer, question, template):
    try:
        ids = renderer.question(question, template)
    except InputError:
        return
    assert control_tokens(renderer, ids) == control_tokens(renderer, renderer.question("x"))


@cases(20)
@given(texts(*ODD, *WORDS))
def test_a_text_is_asked_as_it_stands(renderer, question):
    assume(encodable(question))
    ids = renderer.question(question)
    said = renderer.tokenizer.decode(ids)
    lower = renderer.tokenizer.backend_tokenizer.normalizer is not None
    # Role tokens may take the blanks beside them, if the tokenizer says so.
    assert (question.lower() if lower else question).strip() in said


@cases(20)
@given(texts(), st.integers(200, 400))
def test_a_template_that_passes_can_be_asked_with(renderer, text, room):
    question = Question("1", "What is 6 times 7?", "42")
    proposal = PromptCheck(renderer, [question], room)(parse_reply(f"```\n{text}\n```"))
    if not proposal.template:
        assert proposal.rejection
        return
    ids = renderer.question(question.text, proposal.template)
    assert len(ids) <= room
    assert control_tokens(renderer, ids) == control_tokens(renderer, renderer.question("x"))


# ---- replies of a reflector


@cases(150)
@given(texts(*FENCES, *THOUGHTS, *ODD, *WORDS))
def test_a_reply_is_a_template_or_the_reason_why_not(reply):
    proposal = parse_reply(reply)
    assert bool(proposal.template) != bool(proposal.rejection)
    assert proposal.template == proposal.template.strip()
    assert proposal.template in reply
    assert proposal.reply == reply


PLAIN = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
PAIRS = [("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<thinking>", "</thinking>"), ("◁think▷", "◁/think▷")]


@cases(60)
@given(PLAIN, PLAIN, st.sampled_from(PAIRS))
def test_a_draft_within_a_thought_is_no_template(draft, final, pair):
    opened, closed = pair
    thought = f"{opened}\nPerhaps:\n```\n{draft}\n```\n"
    assert parse_reply(thought).template == ""
    assert parse_reply(f"{thought}{closed}\n```\n{final}\n```").template == final


@cases(40)
@given(PLAIN, PLAIN)
def test_of_two_blocks_the_last_counts_and_an_open_one_is_none(old, new):
    quoted = f"The old one:\n```\n{old}\n```\nThe new one:\n```\n{new}"
    assert parse_reply(f"{quoted}\n```").template == new
    assert parse_reply(quoted).template == ""
