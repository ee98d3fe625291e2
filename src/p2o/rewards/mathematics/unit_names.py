r"""The names of units: one for each, whatever it is written like, with its power and whether it is divided by."""

import re

KNOWN = {  # one name for each unit
    **dict.fromkeys(["cm", "centimeter", "centimetre"], "cm"),
    **dict.fromkeys(["mm", "millimeter", "millimetre"], "mm"),
    **dict.fromkeys(["m", "meter", "metre"], "m"),
    **dict.fromkeys(["km", "kilometer", "kilometre"], "km"),
    **dict.fromkeys(["in", "inch", "inche"], "in"),
    **dict.fromkeys(["ft", "foot", "feet"], "ft"),
    **dict.fromkeys(["yd", "yard"], "yd"),
    **dict.fromkeys(["mi", "mile"], "mi"),
    **dict.fromkeys(["s", "sec", "second"], "s"),
    **dict.fromkeys(["min", "minute"], "min"),
    **dict.fromkeys(["h", "hr", "hour"], "h"),
    **dict.fromkeys(["day"], "day"),
    **dict.fromkeys(["week"], "week"),
    **dict.fromkeys(["year", "yr"], "year"),
    **dict.fromkeys(["g", "gram", "gramme"], "g"),
    **dict.fromkeys(["kg", "kilogram"], "kg"),
    **dict.fromkeys(["lb", "pound"], "lb"),
    **dict.fromkeys(["oz", "ounce"], "oz"),
    **dict.fromkeys(["l", "liter", "litre"], "l"),
    **dict.fromkeys(["ml", "milliliter", "millilitre"], "ml"),
    **dict.fromkeys(["n", "newton"], "n"),
    **dict.fromkeys(["mol", "mole"], "mol"),
    **dict.fromkeys(["j", "joule"], "j"),
    **dict.fromkeys(["w", "watt"], "w"),
    **dict.fromkeys(["degree", "deg"], "degree"),
    **dict.fromkeys(["radian", "rad"], "radian"),
    **dict.fromkeys(["dollar", "usd", "$"], "dollar"),
    **dict.fromkeys(["cent"], "cent"),
    **dict.fromkeys(["euro", "€", "eur"], "euro"),
    **dict.fromkeys(["£"], "£"),
    **dict.fromkeys(["am"], "am"),
    **dict.fromkeys(["pm"], "pm"),
    **dict.fromkeys(["unit"], ""),
}
_SPEEDS = {**dict.fromkeys(["mph"], ("mi", "1/h")), **dict.fromkeys(["kph", "kmh", "kmph"], ("km", "1/h"))}
_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}  # of the unit behind them
RAISED = {"squared": "2", "cubed": "3"}  # of the unit before them
_SCALES = {"c": "celsius", "celsiu": "celsius", "f": "fahrenheit"}  # of degrees; a letter alone may be anything
_WORD = re.compile(r"[^\s/]+|/")
_UNIT = re.compile(r"(?:1/)?(?P<name>[^^]*)(?:\^[0-9])?")


def is_known(word: str) -> bool:
    """Whether a word names a unit, or a part of one."""
    word = singular(word.casefold())
    return word in KNOWN or word in _SPEEDS or word in _POWERS or word == "per"


def singular(word: str) -> str:
    """A word without the s of its plural."""
    return word.removesuffix("s") if len(word) > 2 else word


def unit_names(words: str, power: str = "") -> frozenset[str]:
    r"""The units in some words: {"m", "1/s^2"} for `m/s` with the power 2, which belongs to the last of them."""
    names: list[tuple[str, str, bool]] = []
    below, raised = False, ""
    for word in map(singular, _WORD.findall(words.casefold())):
        if word in ("/", "per"):
            below = True
        elif word in _POWERS:
            raised = _POWERS[word]
        elif word in RAISED and names:
            names[-1] = (names[-1][0], RAISED[word], names[-1][2])
        elif word in _SPEEDS:
            return frozenset(_SPEEDS[word])
        else:
            names.append((KNOWN.get(word, word), raised, below))
            raised = ""
    if raised:
        names.append(("", raised, below))
    if names and power:
        name, _, below = names[-1]
        names[-1] = (name, power.lstrip("-").replace("1", ""), below != power.startswith("-"))
    return frozenset(
        ("1/" if below else "") + name + (f"^{raised}" if raised else "")
        for name, raised, below in names
        if name or raised
    )


def compatible(gold: frozenset[str], answer: frozenset[str]) -> bool:
    """Whether two units may be one: either has none, known ones are the same, of others one says more."""
    gold, answer = _scaled(gold), _scaled(answer)
    if not gold or not answer or gold == answer:
        return True
    known = set(KNOWN.values())
    if all((found := _UNIT.fullmatch(name)) and found["name"] in known for name in gold | answer):
        return False
    return gold <= answer or answer <= gold


def _scaled(units: frozenset[str]) -> frozenset[str]:
    return frozenset(_SCALES.get(name, name) for name in units) if "degree" in units else units
