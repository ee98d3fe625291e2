"""`p2o init`: a config to start from, which runs as it is written."""

import json
import re

import pytest
import yaml
from transformers import AutoConfig

from p2o.cli.config import read_config
from p2o.cli.main import main
from p2o.commands.shipped import names
from p2o.worlds import ChainQuestions

QWEN3_4B = {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 40960,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"problem": q.text, "answer": q.answer} for q in ChainQuestions("train", easy=40, hard=40).load()]
    (tmp_path / "mine.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    AutoConfig.for_model("qwen3", **QWEN3_4B).save_pretrained(tmp_path / "qwen3-4b")
    return tmp_path


def error_of(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(["init", *words])
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_own_questions_are_looked_at_and_the_config_is_read(folder, capsys):
    main(["init", "my.yaml", "--questions", "mine.jsonl", "--model", "p2o/micro-policy"])
    assert "Next: p2o plan --config my.yaml" in capsys.readouterr().out
    config = read_config(["--config", "my.yaml"])
    assert config["data"]["train"]["init_args"]["question"] == "problem"
    assert config["data"]["validation"]["init_args"]["count"] == 16
    assert config["trainer"]["default_root_dir"] == "runs/my"
    assert config["model"]["mini_batch_size"] == 5 and config["data"]["batch_size"] == 10  # two steps a batch
    assert config["evolution"]["reflector"]["init_args"]["max_reply_length"] == 512  # of a window of 2,048
    main(["plan", "--config", "my.yaml", "--no-calibration"])
    printed = capsys.readouterr().out
    assert "64 questions x 6 rollouts" in printed and "refuses" not in printed and "mini_batch_size" not in printed


@pytest.mark.parametrize("count", [5, 12, 40, 80])
def test_a_handful_of_questions_is_divided_and_can_all_be_hard(folder, capsys, count):
    """An evolution comes, and costs no more than an epoch of training but for the smallest there is."""
    rows = (folder / "mine.jsonl").read_text(encoding="utf-8").splitlines()[:count]
    (folder / "few.jsonl").write_text("\n".join(rows), encoding="utf-8")
    main(["init", "few.yaml", "--questions", "few.jsonl", "--model", "p2o/micro-policy"])
    config = read_config(["--config", "few.yaml"])
    held = config["data"]["validation"]["init_args"]["count"]
    assert held == max(1, count // 5) and config["evolution"]["budget"] == "light"
    assert config["evolution"]["min_hard_set"] <= (count - held) // 2
    capsys.readouterr()
    main(["plan", "--config", "few.yaml", "--no-calibration"])
    printed = capsys.readouterr().out
    assert "refuses" not in printed and "there is never one" not in printed


@pytest.mark.parametrize("count", [200, 333])
def test_a_batch_is_two_whole_steps(folder, count):
    """200 questions had batches of 25, and a step of one question at the end of each."""
    rows = [json.dumps({"problem": f"{n}+1?", "answer": str(n + 1)}) for n in range(count)]
    (folder / "some.jsonl").write_text("\n".join(rows), encoding="utf-8")
    main(["init", "some.yaml", "--questions", "some.jsonl", "--model", "p2o/micro-policy"])
    config = read_config(["--config", "some.yaml"])
    assert config["data"]["batch_size"] == 2 * config["model"]["mini_batch_size"]


@pytest.mark.parametrize(("count", "budget"), [(0, "heavy_4"), (600, "heavy"), (1000, "heavy_2"), (9000, "heavy_4")])
def test_an_evolution_costs_no_more_than_an_epoch_of_training(folder, count, budget):
    """By DSPy's formula 2,085 of 3,000 rollouts with 150 dev questions (the next 4,020), 5,320 of 5,400 with 250."""
    rows = [json.dumps({"problem": f"{n}+1?", "answer": str(n + 1)}) for n in range(count)]
    if count:
        (folder / "many.jsonl").write_text("\n".join(rows), encoding="utf-8")
    main(["init", "many.yaml", "--questions", "many.jsonl", "--model", "p2o/micro-policy"])
    assert read_config(["--config", "many.yaml"])["evolution"]["budget"] == budget


def test_too_few_questions_are_one_message(folder, capsys):
    rows = (folder / "mine.jsonl").read_text(encoding="utf-8").splitlines()[:4]
    (folder / "few.jsonl").write_text("\n".join(rows), encoding="utf-8")
    error = error_of(capsys, "few.yaml", "--questions", "few.jsonl", "--model", "p2o/micro-policy")
    assert "few.jsonl: expected at least 5 questions, one in five is held out, got 4." in error


@pytest.mark.parametrize(
    ("options", "engine", "strategy", "adapters"),
    [
        (["--memory", "141", "--gpus", "8", "--vllm"], "VLLMEngine", "ddp", "NoAdapters"),
        (["--memory", "141", "--vllm"], "VLLMEngine", "auto", "NoAdapters"),
        (["--memory", "141"], "TransformersEngine", "auto", "NoAdapters"),
        (["--memory", "40", "--gpus", "8", "--vllm"], "VLLMEngine", "sharded", "NoAdapters"),
        (["--memory", "40", "--vllm"], "VLLMEngine", "auto", "LoRA"),
    ],
)
def test_sizes_fit_the_gpus(folder, capsys, options, engine, strategy, adapters):
    main(["init", "my.yaml", "--questions", "mine.jsonl", "--model", "qwen3-4b", *options])
    planned = f"p2o plan --config my.yaml --memory {options[1]}"  # else the machine at hand would be planned for
    assert f"{planned}, then" in capsys.readouterr().out and f"`{planned}`" in (folder / "my.yaml").read_text()
    config = read_config(["--config", "my.yaml"])
    assert config["model"]["engine"]["class_path"].endswith(engine)
    assert config["model"]["adapters"]["class_path"].endswith(adapters)
    assert config["trainer"]["strategy"] == strategy and config["trainer"]["precision"] == "bf16-mixed"
    [(need, given)] = re.findall(r"About (\d+) of (\d+) GiB", (folder / "my.yaml").read_text())
    assert int(need) <= int(given) == int(options[1])


def test_a_model_that_does_not_fit_is_refused_with_what_it_needs(folder, capsys):
    error = error_of(capsys, "my.yaml", "--model", "qwen3-4b", "--memory", "8")
    assert re.search(r"needs about \d+ GiB a GPU, even .* --memory is 8", error)
    assert not (folder / "my.yaml").exists()


def test_a_path_with_signs_of_yaml_is_quoted(folder):
    odd = folder / "my, {odd}: file.jsonl"
    odd.write_bytes((folder / "mine.jsonl").read_bytes())
    main(["init", "my.yaml", "--questions", odd.name, "--model", "p2o/micro-policy"])
    assert read_config(["--config", "my.yaml"])["data"]["train"]["init_args"]["path"] == odd.name


def test_questions_that_are_not_there_yet_are_named(folder, capsys):
    main(["init", "my.yaml", "--model", "p2o/micro-policy"])
    assert "There is no such file yet" in (folder / "my.yaml").read_text()
    assert "There is no train.jsonl yet" in capsys.readouterr().out
    main(["init", "other.yaml", "--questions", "mine.jsonl", "--model", "p2o/micro-policy"])
    assert "yet" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["openai/gsm8k", "questions.csv", "."])
def test_questions_that_no_file_can_hold_are_refused_with_what_reads_a_data_set(folder, capsys, name):
    error = error_of(capsys, "my.yaml", "--questions", name, "--model", "p2o/micro-policy")
    assert f"--questions {name}: expected a .jsonl or .parquet file" in error
    assert f"{{class_path: HubQuestions, init_args: {{name: {name}}}}}" in error
    assert not (folder / "my.yaml").exists()


@pytest.mark.parametrize("name", names("configs"))
def test_each_config_that_comes_with_p2o_is_copied(name, folder):
    main(["init", name, "my.yaml"])
    content = yaml.safe_load((folder / "my.yaml").read_text())
    assert content.get("trainer", {}).get("default_root_dir", "runs/my") == "runs/my"
    assert (folder / "my.yaml").read_text().startswith("# p2o fit --config ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "arguments are required: file"),
        (["quickstart", "my.txt"], "expected the name of a .yaml file"),
        (["quikstart", "my.yaml"], "Did you mean p2o:quickstart"),
        (["quickstart", "my.yaml", "--memory", "8"], "expected no --memory"),
        (["my.yaml", "--model", "p2o/micro-policy", "--vllm"], "say how large they are"),
        (["my.yaml", "--gpus", "0", "--memory", "8"], "--gpus >= 1"),
        (["mine.yaml"], "expected a new file"),
    ],
)
def test_bad_words_are_one_message(words, message, folder, capsys):
    (folder / "mine.yaml").touch()
    assert message in error_of(capsys, *words)
