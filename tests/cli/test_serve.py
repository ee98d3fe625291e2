"""`p2o serve` prints the commands of the servers that a config names."""

import re
import shlex

import pytest
import yaml

from p2o.cli.main import main
from p2o.commands.serving import server_commands
from p2o.engines import FixedWeights, VLLMServers
from p2o.policy.loading import BUNDLED
from quickstart_run import CONFIG

SERVERS = CONFIG.parent / "engine" / "vllm_servers.yaml"


def options_of(line):
    words = shlex.split(line)
    place = words.index("serve")
    return words[:place], words[place + 2 :]


def test_a_line_for_each_server(capsys):
    main(["serve", f"--config={CONFIG}", f"--config={SERVERS}", "--gpus=2", "--", "--enforce-eager"])
    first, second = map(options_of, capsys.readouterr().out.splitlines())
    assert "VLLM_SERVER_DEV_MODE=1" in first[0] and "CUDA_VISIBLE_DEVICES=2,3" in second[0]
    for name, value in [
        ("--dtype", "float32"),
        ("--host", "127.0.0.1"),
        ("--port", "8002"),
        ("--max-model-len", "2048"),
    ]:
        assert second[1][second[1].index(name) + 1] == value
    assert second[1][-1] == "--enforce-eager" and "dummy" in second[1] and "p2o_files" in " ".join(second[1])


def test_a_config_without_servers_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["serve", f"--config={CONFIG}"])
    assert "expected a config whose model.engine is VLLMServers" in capsys.readouterr().err


def test_servers_that_keep_their_weights_read_them():
    engine = VLLMServers(["http://node3:8000"], weights=FixedWeights())
    [command] = server_commands(BUNDLED, engine, 512)
    assert "--load-format" not in command.words and "--weight-transfer-config" not in command.words
    assert "CUDA_VISIBLE_DEVICES" not in command.environment


def test_gpus_are_counted_on_each_host():
    urls = ["http://a:8000", "http://b:8000", "http://a:8001"]
    commands = server_commands(BUNDLED, VLLMServers(urls), 512, gpus=1)
    assert [command.environment["CUDA_VISIBLE_DEVICES"] for command in commands] == ["0", "0", "1"]


def test_the_reflectors_servers_have_gpus_of_their_own(tmp_path, capsys):
    own = {
        "class_path": "SelfReflector",
        "init_args": {
            "engine": {
                "class_path": "VLLMServers",
                "init_args": {"urls": ["http://127.0.0.1:8003"], "weights": {"class_path": "FixedWeights"}},
            }
        },
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump({"evolution": {"reflector": own}}))
    main(["serve", f"--config={CONFIG}", f"--config={SERVERS}", f"--config={tmp_path / 'own.yaml'}", "--gpus=1"])
    lines = capsys.readouterr().out.splitlines()
    assert [re.search(r"CUDA_VISIBLE_DEVICES=(\d)", line)[1] for line in lines] == ["0", "1", "2"]
