"""Mistakes in config files and options, said in the user's words instead of the parser's."""

import re

from p2o.cli.mistakes.misplaced import no_source, section_of_an_option

NO_CONFIG = (
    "there is no config. Give one: p2o fit --config p2o:quickstart. `p2o configs` lists those that come with p2o, "
    "`p2o init my.yaml` writes one for questions of your own."
)
FEW = 15  # classes that a message lists
KEY = r'Parser key "(?P<key>[^"]+)":\s+(?:- Expected a path but [^\n]*\s+- )?'
REQUIRED = re.compile(r"arguments are required: (?:\w+\.)?(?P<key>[\w.]*\w)")
UNION = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+.*?Does not validate against any of the Union subtypes\s+'
    r"Subtypes: \[(?P<types>.*?)\]\n\s*Errors:.*Given value: (?P<value>.*)",
    re.DOTALL,
)
PLAIN = re.compile(KEY + r"Expected an? (?P<types><class .*?>|typing\..*?)\. Got value: (?P<value>.*)", re.DOTALL)
TYPE = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>|typing\.Literal\[([^\]]*)\]")
CLASS = re.compile(
    KEY
    + r"(?P<why>(?:Expected a dot import path|Unexpected import path|Problem with given class_path|Import path) .*)",
    re.DOTALL,
)
NO_CLASS = re.compile(KEY + r"Not a valid subclass of (?P<base>\w+)\. Got value: (?P<value>[^\n]*)")
FACTORY = re.compile(
    KEY + r"Type typing\.Callable.*? expects a function or a callable class: (?P<why>.*?)\.? Got value: "
    r"(?:Namespace\(class_path='(?P<name>[\w.]+)')?",
    re.DOTALL,
)
UNKNOWN = re.compile(r".*(?:Expected a dot import path string|Unexpected import path format): (?P<name>\S+)", re.DOTALL)
PROBLEM = re.compile(r"Problem with given class_path '(?P<name>[^']+)':\s+(?P<why>.*)", re.DOTALL)
HELP = re.compile(r"^--(?P<key>\S+)\.help: (?P<why>Expected a dot import path string: .*)")
OPTION = re.compile(r"Option '(?P<option>[^']+)' is not accepted")
INNER = re.compile(r'Parser key "(?P<key>[^"]+)":\s+(?P<why>.*)', re.DOTALL)
CLASS_PATH = re.compile(r"'?class_path'?[:=] ?'(?P<name>[\w.]+)'")
# What jsonargparse says of a part that may also be a list, null and so on: an item for each kind that it may be.
ITEM = re.compile(r"^(?P<indent> +)- (?P<said>.+(?:\n(?P=indent) +.*)*)", re.MULTILINE)
KIND_ALONE = ("Expected a ", "Not a valid subclass")  # items that only say that the part is of another kind
MISSING = re.compile(r"the following arguments are required: (?P<names>[\w., ]+)$")
TRAINER_PARTS = {
    "trainer.callbacks": "a list of callbacks, each {class_path: ..., init_args: {...}}",
    "trainer.logger": "a logger, a list of them, true or false",
}


def clear(message: str) -> str:
    """What jsonargparse says, shorter where its types drown the value, and with what to do about a class."""
    if found := REQUIRED.search(message):
        if "." in (key := found["key"]):
            then = f"; {NO_CONFIG}" if key == "model.model" else f". {_choice(key)}"
            return f"{key}: expected a value, found none{then}"
        if "Problem with given class_path" not in message:
            return message.strip()
    if said := section_of_an_option(message):
        return said
    if found := NO_CLASS.search(message):
        return message[: found.start()] + _no_class(found["key"], found["value"].strip())
    if found := FACTORY.search(message):
        named = f"{found['name']}: " if found["name"] else ""
        return f"{message[: found.start()]}{found['key']}: {named}{' '.join(found['why'].split())}."
    if found := UNION.search(message) or PLAIN.search(message):
        if found["key"] in TRAINER_PARTS:
            return message[: found.start()] + _trainer_mistake(found["key"], found[0], found["value"].strip())
        said = f"{found['key']}: expected {_kinds(found['types'])}, got {found['value'].strip()!r}."
        said = message[: found.start()] + said  # whoever passed it on may have said where
        return clear(said) if "Parser key" in said else said
    if (found := CLASS.search(message)) and "." in found["key"]:  # of a part: keys of a study have no help of fit
        return f"{message[: found.start()]}{found['key']}: {_class_mistake(found['key'], found['why'].strip())}"
    if found := HELP.search(message):
        return f"{found['key']}: {_class_mistake(found['key'], found['why'])}"
    return message.strip()


def _class_mistake(key: str, why: str) -> str:
    """Why a part cannot be made, and where to look."""
    if not (problem := PROBLEM.match(why)):
        if (unknown := UNKNOWN.match(why)) and (said := no_source(key, unknown["name"])):
            return said
        return _unknown(key, unknown["name"]) if (unknown := UNKNOWN.match(why)) else f"{why}. {_choice(key)}"
    kind = problem["name"].rpartition(".")[2]
    if option := OPTION.match(problem["why"]):
        return f"{kind!r} has no option {option['option']!r}. `p2o fit --{key}.help {problem['name']}` lists them."
    inner = INNER.match(problem["why"])
    if inner and PROBLEM.match(inner["why"]):
        said, *_ = _class_mistake(key, inner["why"].strip()).partition(" `p2o fit --")  # only whole parts have help
        return f"{kind}: {inner['key']}: {said}"
    if missing := MISSING.match(problem["why"].strip()):
        *others, last = missing["names"].split(", ")
        names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        return f"{kind}: {names} required. `p2o fit --{key}.help {problem['name']}` lists the options."
    if unknown := UNKNOWN.match(problem["why"]):  # of a part within the part
        return f"{kind}: {inner['key'] + ': ' if inner else ''}{_unknown(key, unknown['name'])}"
    if problem["why"].startswith("No module named"):
        return no_source(key, problem["name"]) or (
            f"{problem['why']}. A module of your own is looked for beside the config and in the working folder; "
            "elsewhere, name its folder: PYTHONPATH=FOLDER p2o fit ..."
        )
    said = problem["why"].strip()
    return f"{kind}: {said}" if said.endswith(".") else f"{problem['name']}: {said}{_meant(problem['name'], key)}"


def _unknown(key: str, name: str) -> str:
    """There is no class of a name, which one may be meant, and which there are."""
    return f"there is no class {name!r}.{_meant(name, key)} {_choice(key)}"


def _no_class(key: str, value: str) -> str:
    got = "null" if value == "None" else value
    return f"{key}: expected a class, or {{class_path: ..., init_args: {{...}}}}, got {got}. {_choice(key)}"


def _trainer_mistake(key: str, message: str, value: str) -> str:
    """Which part of Lightning's Trainer cannot be made, and why."""
    from p2o.cli.classes import names_of

    if problem := next((said for said in _items(message) if PROBLEM.match(said)), None):
        return clear(f'Parser key "{key}":\n  {problem}')
    names = [found["name"] for found in CLASS_PATH.finditer(value)] or [value.strip("[]'")]
    known = names_of(key)
    for name in names:
        ours = name.isidentifier() or name.startswith(("lightning.", "p2o."))
        if name.rpartition(".")[2] not in known and ours:
            return f"{key}: {_unknown(key, name)}"
    return f"{key}: expected {TRAINER_PARTS[key]}, got {value}."


def cannot_be_made(message: str) -> str:
    """Why a part was refused when it was made: what itself said, in the many words of jsonargparse.

    It does not say which key the part stands under; those of Lightning's Trainer are known by their kind.
    """
    said = next(iter(_items(message)), message)
    problem = PROBLEM.match(said)
    names = [problem["name"]] if problem else [found["name"] for found in CLASS_PATH.finditer(message)]
    kinds = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in names))
    keys = {"loggers.logger.Logger'": "trainer.logger: ", "callback.Callback'": "trainer.callbacks: "}
    key = next((key for kind, key in keys.items() if kind in message.partition("Errors:")[0]), "")
    why = " ".join((problem["why"] if problem else said).split()).removesuffix(".")
    return f"{key}{kinds}: {why}. Install what it needs, correct its init_args, or leave it out."


def _items(message: str) -> list[str]:
    """What a part itself said, of all that jsonargparse lists because the part may be of several kinds."""
    listed = message.partition("Errors:\n")[2].partition("\nGiven value type:")[0]
    said = [found["said"] for found in ITEM.finditer(listed)]
    return [item for item in said if not item.startswith(KIND_ALONE)]


def _meant(name: str, key: str) -> str:
    from p2o.cli.classes import meant  # loads torch, which whoever reads a config has loaded

    near = meant(name, key)
    return f" Did you mean {near}?" if near and near != name.rpartition(".")[2] else ""


def _choice(key: str) -> str:
    """Which classes a key takes."""
    from p2o.cli.classes import names_of

    names, section = names_of(key), key.partition(".")[0]
    listed = (
        f"There are {', '.join(names)}" if 0 < len(names) <= FEW else f"`p2o fit --help {section}` names the others"
    )
    return f"{listed}; one of your own is named module.Class."


def _kinds(types: str) -> str:
    """Names Python types in the words of a config, such as "a list [...]"."""
    words = [name or values for name, values in TYPE.findall(types)]
    words = list(dict.fromkeys({"NoneType": "null", "Sequence": "a list [...]"}.get(word, word) for word in words))
    return " or ".join(words) or types
