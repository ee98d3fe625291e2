"""What strangers may write: texts made of what has broken programs like this one, JSON of any shape, damaged bytes."""

from hypothesis import Phase, settings
from hypothesis import strategies as st

NIGHTLY = 40  # times the cases of the suite

CONTROL_TOKENS = (
    *("<|user|>", "<|assistant|>", "<|end|>", "<|pad|>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "[INST]"),
    *(
        "[/INST]",
        "</s>",
        "<s>",
        "<bos>",
        "<start_of_turn>",
        "<end_of_turn>",
        "<|channel|>final<|message|>",
        "<|return|>",
    ),
)
THOUGHTS = ("<think>", "</think>", "[THINK]", "[/THINK]", "<thinking>", "</thinking>", "◁think▷", "◁/think▷")
FENCES = ("```", "````", "```text\n", "\n```\n", "`", "~~~", "```plain text\n")
MARKUP = (
    "<script>alert(1)</script>",
    "<fuzz onload=x>",
    '"><fuzz>',
    "'",
    "&lt;",
    "&#60;fuzz&#62;",
    "]]>",
    "<!--",
    "-->",
)
MARKUP += ("</style>", "</svg>", "</pre>", "{{ 7 * 7 }}", "{% raw %}", "{%", "$x^{", "javascript:fuzz()")
MATHS = (
    "\\boxed{",
    "\\fbox{",
    "}",
    "{",
    "\\frac{1}{2}",
    "\\sqrt{2}",
    "\\left(",
    "\\right)",
    "\\{1,2\\}",
    "(1,2)",
    "50\\%",
)
MATHS += (
    "\\",
    "$",
    "x^2",
    "1e-19",
    "\\times 10^{-34}",
    "\\pi",
    "90^\\circ",
    "\\infty",
    "\\text{yes}",
    "\\",
    "1,234",
    "=",
)
ODD = (
    "\x00",
    "\ufeff",
    "\u200b",
    "\u202e",
    "\u2028",
    "\r\n",
    "\r",
    "\x1b[31m",
    "\ud800",
    "\udfff",
    "é",
    "е́",
    "🙂",
    "\t",
    " ",
    "\n\n",
)
WORDS = ("Solve", "step by step.", "What is 6 times 7?", "42", "The answer is", "Answer:", "-0", "007", "９", "Ⅻ")

_FRAGMENTS = CONTROL_TOKENS + THOUGHTS + FENCES + MARKUP + MATHS + ODD + WORDS


def cases(suite: int, shrink: bool = True, more: int = 1) -> settings:
    """As many cases in the suite, `NIGHTLY` x `more` times as many in `make fuzz`; long ones are not made smaller."""
    nightly = settings.get_current_profile_name() == "nightly"
    phases = [phase for phase in settings().phases if shrink or phase is not Phase.shrink]
    return settings(max_examples=suite * NIGHTLY * more if nightly else suite, phases=phases)


def texts(*fragments: str, most: int = 12) -> st.SearchStrategy[str]:
    """Any text, of the fragments (all by default) and of characters; half a surrogate pair may be in it."""
    part = st.one_of(st.sampled_from(fragments or _FRAGMENTS), st.text(st.characters(), max_size=6))
    return st.lists(part, max_size=most).map("".join)


def encodable(text: str) -> bool:
    """Whether a text can be written to a file."""
    return text == text.encode("utf-8", "replace").decode()


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.integers(10**30, 10**31), texts(most=4), st.just("")
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts(most=2), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes that a kill, a disk or an editor did something to."""
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.sampled_from([0, 1, 7, 10**6])))
    put = draw(
        st.sampled_from([b"", b"\x00", b"\xff\xfe", b"[]", b"null", b'"', b"-1", b"NaN", b"\n"]) | st.binary(max_size=9)
    )
    return content[:start] + put + content[end:]
