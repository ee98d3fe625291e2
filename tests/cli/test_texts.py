"""Settings that may hold anything reach the parts as YAML has read them, once."""

import json

import pytest
import yaml

from p2o.cli.config import read_config

WRITTEN = {
    "prompt": "You are a tutor. Format: numbered steps.",
    "word": "Yes",
    "digits": "07",
    "comment": "# Rules",
    "nothing": "null",
    "off": False,
    "seven": 7,
    "deep": {"list": ["no", "1.5", {"pair": "k: v", "text": "[]"}], "list_of_lists": [["on"]]},
}
ENDPOINT = {"base_url": "http://localhost:8000/v1", "model": "m"}
TEACHER = {"class_path": "p2o.reflectors.TeacherReflector", "init_args": {"endpoint": ENDPOINT}}
PLACES = {
    "model.chat_template_kwargs": {},
    "evolution.reflector.init_args.endpoint.extra_body": {"evolution": {"reflector": TEACHER}},
    "model.engine.init_args.engine_args": {"model": {"engine": {"class_path": "p2o.engines.VLLMEngine"}}},
    "data.train.init_args.settings": {
        "data": {"train": {"class_path": "p2o.worlds.ReasoningGymQuestions", "init_args": {"task": "x"}}}
    },
}


def put(config, place, value):
    *path, name = place.split(".")
    for part in path:
        config = config.setdefault(part, {})
    config[name] = value


def found(config, place):
    for part in place.split("."):
        config = config[part]
    return config


@pytest.mark.parametrize("place", PLACES)
def test_texts_of_a_config_stay_texts(tmp_path, place):
    config = json.loads(json.dumps(PLACES[place]))
    put(config, place, WRITTEN)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    read = read_config(["--config", "p2o:quickstart", "--config", str(tmp_path / "mine.yaml")])
    assert found(read, place) == WRITTEN
    (tmp_path / "saved.yaml").write_text(yaml.safe_dump(read))
    assert found(read_config(["--config", str(tmp_path / "saved.yaml")]), place) == WRITTEN


@pytest.mark.parametrize(
    ("word", "value"),
    [("false", False), ("7", 7), ('"07"', "07"), ("Be brief.", "Be brief."), ("[on, 'on']", [True, "on"])],
)
@pytest.mark.parametrize("place", ["model.chat_template_kwargs", "model.engine.engine_args"])
def test_options_of_the_command_line_are_read_once(place, word, value):
    words = ["--config", "p2o:quickstart", "--model.engine=VLLMEngine", f"--{place}.one={word}"]
    assert found(read_config(words), place.replace("engine.", "engine.init_args."))["one"] == value


def test_a_dictionary_of_the_command_line_is_read_once():
    words = ["--config", "p2o:quickstart", "--model.chat_template_kwargs={on: false, word: 'Yes'}"]
    assert read_config(words)["model"]["chat_template_kwargs"] == {True: False, "word": "Yes"}
