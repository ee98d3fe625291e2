r"""Whether an answer is the gold answer: what its structure decides, and math-verify's reading for the rest.

math-verify reads `3:4:5` as a quotient, `BACD` as a product, `5,5,6` as a set, `2 3` as a sum, drops the base of `25_8`
and what follows a text. Whatever has such a structure is compared part by part here, each part by itself.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from p2o.rewards.boxed import consecutive_boxed
from p2o.rewards.mathematics.expressions import equal_values, read
from p2o.rewards.mathematics.notation import normalised
from p2o.rewards.mathematics.plain import plainly_equal, spelling
from p2o.rewards.mathematics.rounding import without_rounding
from p2o.rewards.mathematics.structure import Listing, equation, is_time, listing, numerals, ratio, split, word
from p2o.rewards.mathematics.unit_names import compatible
from p2o.rewards.mathematics.units import MULTIPLE, is_prose, measured, prose

_DIGITS_APART = re.compile(r"(?<![_^])\d +\d")
_MEMBER = re.compile(r"[a-zA-Z](?:_\{?\w+\}?)?\s*\\in\s*(?=\\\{|[(\[]|\\emptyset|\\mathbb)")
_VARIABLE = re.compile(r"(?P<letter>\\?[A-Za-z]+)\s*(?:_(?:[0-9A-Za-z]|\{[^{}]*\}))?'*(?:\([^()]*\))?")
_LETTERS = re.compile(r"[A-Za-z]+")
_PERCENT = re.compile(r"\s*\\?%$")
_RELATION = re.compile(r"[<>]|\\(?:le|ge)(?![A-Za-z])")
_WHOLE_TEXT = re.compile(r"\\text\{([^{}]*)\}")
_FORMULA = re.compile(r"(?<!\\)\$\$?|\\[()\[\]]")
# What belongs to the formula that it stands beside, although it is outside of its dollars.
_BEFORE_FORMULA = re.compile(
    r"(?:[0-9+*/^=<>|_]|(?<![A-Za-z:.,] )(?<![A-Za-z])-|(?<![A-Za-z])[A-Za-z](?=$)"
    r"|\b(?:[Mm]inus|[Nn]egative|plus|times|over|divided by|below|above|under|twice|half))\s*$"
)
_AFTER_FORMULA = re.compile(rf"\s*(?:[0-9+*/^<>|_%]|\\%|-\s*[0-9\\(])|{MULTIPLE.pattern}|-?[A-Za-z]|!\s*$")
_DIGIT = re.compile(r"[0-9]")
_SUBSCRIPT = re.compile(r"_(?:[0-9A-Za-z]|\{[^{}]*\})")
_SEPARATOR = re.compile(r"[\s,;.]*(?:and|or)?[\s,;.]*")
_DOUBT = re.compile(r"\b(?:not|no|or|either|except|wrong|n't|than|nor)\b|n't")

Alike = Callable[[str, str], bool]


def equal_answers(gold: str, answer: str, set_relations: bool = False) -> bool:
    """Whether an answer says what the gold answer says. May hang, raise or crash: for a worker process."""

    def alike(gold: str, answer: str) -> bool:
        equal = plainly_equal(gold, answer)
        return _equal(gold, answer) if equal is None else equal

    def _equal(gold: str, answer: str) -> bool:
        if len(word(gold)) > 1 and (word(answer) or not _LETTERS.fullmatch(gold)):
            return word(gold) == word(answer)
        (gold_value, gold_unit), (answer_value, answer_unit) = measured(gold), measured(answer)
        if gold_unit or answer_unit:
            return compatible(gold_unit, answer_unit) and alike(gold_value, answer_value)
        gold, answer = _MEMBER.sub("", gold), _MEMBER.sub("", answer)
        gold_list, answer_list = listing(gold), listing(answer)
        if _RELATION.search(gold) and (_is_interval(answer_list) or r"\cup" in answer):
            return equal_values(gold, answer, set_relations)
        if _RELATION.search(answer) and _is_interval(gold_list):
            return set_relations and equal_values(gold, answer, set_relations)
        sides = _right_sides(gold, gold_list, answer, answer_list)
        if sides is not None:
            return all(sides) and alike(*sides)
        if _is_list(gold_list) or _is_list(answer_list):
            return _equal_lists(gold_list, answer_list, alike)
        (gold_formulas, gold_texts), (answer_formulas, answer_texts) = prose(gold), prose(answer)
        if gold_texts or answer_texts:
            formulas = list(zip(gold_formulas, answer_formulas, strict=False))
            return gold_texts == answer_texts and all(alike(*pair) for pair in formulas if any(pair))
        if is_prose(gold) or is_prose(answer) or _DIGITS_APART.search(gold) or _DIGITS_APART.search(answer):
            return spelling(gold).casefold() == spelling(answer).casefold()
        return _equal_formulas(gold, answer)

    def _equal_formulas(gold: str, answer: str) -> bool:
        (gold_left, gold_right), (answer_left, answer_right) = equation(gold), equation(answer)
        if gold_left and answer_left and spelling(gold_left) == spelling(answer_left):
            return alike(gold_right, answer_right)
        if _is_list(listing(gold_left)) and _is_list(listing(answer_left)):
            return False  # (x, y) = (1, 2) and (y, x) = (1, 2)
        gold_parts, answer_parts = ratio(gold), ratio(answer)
        if max(len(gold_parts), len(answer_parts)) > 1 and r"\{" not in gold + answer:
            return _equal_ratios(gold_parts, answer_parts, alike)
        (gold_bases, gold), (answer_bases, answer) = numerals(gold), numerals(answer)
        if gold_bases or answer_bases:
            return sorted(gold_bases) == sorted(answer_bases) and alike(gold, answer)
        if bool(_PERCENT.search(gold)) != bool(_PERCENT.search(answer)):
            number, other = (gold, answer) if _PERCENT.search(gold) else (answer, gold)
            number = _PERCENT.sub("", number)
            return alike(number, other) or alike(rf"\frac{{{number}}}{{100}}", other)
        return equal_values(_PERCENT.sub("", gold), _PERCENT.sub("", answer), set_relations)

    texts = without_rounding(normalised(gold)), without_rounding(normalised(answer))
    formulas = without_rounding(_formula(texts[0])), without_rounding(_formula(texts[1]))
    return _equal(*texts) if formulas == texts else alike(*formulas)


def readable(gold: str) -> bool:
    """Whether something else than the same text can be equal to a gold answer."""
    gold = without_rounding(_formula(without_rounding(normalised(gold))))
    if word(gold) or gold == "":
        return bool(gold)
    items = listing(_MEMBER.sub("", gold)).items
    return all(_readable_item(measured(item)[0]) for item in items)


def _readable_item(item: str) -> bool:
    listed = listing(item)
    if _is_list(listed) and listed.items != (item,):
        return all(map(_readable_item, listed.items))
    values = ratio(numerals(equation(item)[1])[1]) if "\\text{" not in item else prose(item)[0]
    return bool(word(item)) or all(read(_PERCENT.sub("", value)) is not None for value in values if value)


def _right_sides(gold: str, gold_list: Listing, answer: str, answer_list: Listing) -> tuple[str, str] | None:
    """Both answers without `x =` where one is an equation and the other is none; ("", "") if it may not be left out."""
    gold_left, gold_right = equation(gold) if not _is_list(gold_list) else ("", gold)
    answer_left, answer_right = equation(answer) if not _is_list(answer_list) else ("", answer)
    if answer_left and not any(equation(item)[0] for item in gold_list.items):
        told = _names_a_quantity(answer_left) and plainly_equal(answer_left, answer_right) is not False
        return (gold, answer_right) if told else ("", "")
    if gold_left and not any(equation(item)[0] for item in answer_list.items):
        return (gold_right, answer) if not _DIGIT.search(_SUBSCRIPT.sub("", gold_left)) else None
    return None


def _formula(text: str) -> str:
    """The last box or the last formula of a sentence, or the content of a text; other answers as they are."""
    if boxed := consecutive_boxed(text):
        return _formula(normalised(boxed))
    if found := _WHOLE_TEXT.fullmatch(text):
        return found[1].strip() if not word(text) else text
    pieces = _FORMULA.split(text)
    formulas, sentence = pieces[1::2], pieces[::2]
    if len(pieces) % 2 == 0 or not formulas:
        return normalised(text.strip("$")) if "$" in text else text
    for outer, inner in ((sentence, formulas), (formulas, sentence)):  # the second where a box is within a formula
        if all(_SEPARATOR.fullmatch(part) for part in outer):
            return normalised(", ".join(inner))
    if _BEFORE_FORMULA.search(sentence[-2]) or _AFTER_FORMULA.match(sentence[-1]):
        return normalised(text.replace("$", ""))
    is_list = len(formulas) > 1 and (_SEPARATOR.fullmatch(sentence[-2]) or not sentence[0].strip())
    return text if is_list or _DOUBT.search(" ".join(sentence[-2:])) else normalised(formulas[-1])


def _is_list(listed: Listing) -> bool:
    return bool(listed.bracket) or len(listed.items) > 1


def _is_interval(listed: Listing) -> bool:
    return listed.bracket not in ("", "set") and len(listed.items) == 2


def _names_a_quantity(left: str) -> bool:
    """Whether an equation says what its left side is: `x = 5` and `a + b = 5` do, `2x = 5` leaves it to the reader."""
    if _VARIABLE.fullmatch(left):
        return True
    letters = set(re.findall(r"(?<!\\)(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])", left))
    return len(letters) != 1 or "(" in left


def _equal_lists(gold: Listing, answer: Listing, alike: Alike) -> bool:
    gold, answer = _solved(gold, answer), _solved(answer, gold)
    ordered = "(", "[", "(]", "[)"
    if gold.bracket in ordered or answer.bracket in ordered:
        if "set" in (gold.bracket, answer.bracket) or len(gold.items) != len(answer.items):
            return False
        same = gold.bracket == answer.bracket or "" in (gold.bracket, answer.bracket)
        vectors = {gold.bracket, answer.bracket} == {"(", "["} and len(gold.items) > 2
        if not (same or vectors) or (gold.bracket not in ("(", "[", "") and answer.bracket == ""):
            return False
        return all(map(alike, gold.items, answer.items))
    if gold.bracket == "set":
        gold = Listing(_distinct(gold.items, alike))
    if answer.bracket == "set":
        answer = Listing(_distinct(answer.items, alike))
    left = list(answer.items)
    if len(left) != len(gold.items):
        return False
    for item in gold.items:
        match = next((index for index, other in enumerate(left) if alike(item, other)), None)
        if match is None:
            return False
        del left[match]
    return True


def _solved(listed: Listing, other: Listing) -> Listing:
    """`x=1, x=2` as the list of its values beside a list without variables, `x=1, y=2` as the tuple of them."""
    if listed.bracket or any(equation(item)[0] for item in other.items):
        return listed
    sides = [equation(item) for item in listed.items if len(split(item, ",")) == 1]
    variables = [found for left, _ in sides if (found := _VARIABLE.fullmatch(left))]
    if len(variables) < len(listed.items):
        return listed
    values = tuple(right for _, right in sides)
    if len({variable["letter"] for variable in variables}) == 1:
        return Listing(values)
    return Listing(values, "(") if len({variable.group() for variable in variables}) == len(values) else listed


def _distinct(items: Sequence[str], alike: Alike) -> tuple[str, ...]:
    kept: list[str] = []
    for item in items:
        if not any(alike(item, other) for other in kept):
            kept.append(item)
    return tuple(kept)


def _equal_ratios(gold: list[str], answer: list[str], alike: Alike) -> bool:
    """Times are equal part by part, ratios as quotients of neighbours; `1:2` may be written as a fraction."""
    if len(gold) == len(answer) and all(map(alike, gold, answer)):
        return True
    if len(gold) > 1 and is_time(gold):
        return False
    if len(gold) != len(answer):
        return {len(gold), len(answer)} == {1, 2} and alike(_quotient(gold), _quotient(answer))
    neighbours = zip(pairwise(gold), pairwise(answer), strict=True)
    return all(alike(rf"({a})\cdot({d})", rf"({b})\cdot({c})") for (a, b), (c, d) in neighbours)


def _quotient(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else rf"\frac{{{parts[0]}}}{{{parts[1]}}}"
