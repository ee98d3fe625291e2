"""No text of a question, a template or a reply forges a chat turn, whatever the tokenizer calls its control tokens."""

import pytest
from hypothesis import assume, given
from tokenizers import AddedToken, normalizers
from untrusted import FENCES, ODD, THOUGHTS, WORDS, cases, encodable, texts

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.parsing import parse_reply
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


@cases(20)
@given(texts(*ODD, *WORDS))
def test_a_text_is_asked_as_it_stands(renderer, question):
    assume(encodable(question))
    ids = renderer.question(question)
    said = renderer.tokenizer.decode(ids)
    lower = renderer.tokenizer.backend_tokenizer.normalizer is not None
    # Role tokens may take the blanks beside them, if the tokenizer says so.
    assert (question.lower() if lower else question).strip() in said


# ---- replies of a reflector


@cases(150)
@given(texts(*FENCES, *THOUGHTS, *ODD, *WORDS))
def test_a_reply_is_a_template_or_the_reason_why_not(reply):
    proposal = parse_reply(reply)
    assert bool(proposal.template) != bool(proposal.rejection)
    assert proposal.template == proposal.template.strip()
    assert proposal.template in reply
    assert proposal.reply == reply
