"""VLLMServers on a real vLLM server: what it refuses, and what it makes of transfers that went wrong."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from p2o.engines import SamplingParams, SharedFolder, VLLMServers
from p2o.engines.canary import check_canary
from p2o.engines.vllm.servers.transport import INCOMPLETE, update
from p2o.engines.weight_sync import full_tensors
from p2o.errors import InputError
from p2o.policy.sharding import outline_in_files
from p2o.types import Prompt
from tiny_policy import build_policy

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]
pytest.importorskip("vllm")

PROMPTS = [Prompt(tuple(range(length)), seed) for seed, length in enumerate([30, 4, 90, 7])]
SAMPLING = SamplingParams(1.0, 12)


@pytest.fixture
def policy(tokenizer):
    return build_policy(len(tokenizer), tokenizer.eos_token_id, head_dim=32, tied=True)


@pytest.fixture
def engine(tiny_servers, tmp_path):
    return VLLMServers([server.url for server in tiny_servers], "float32", SharedFolder(str(tmp_path)))


def on(engine, work):
    """What becomes of the work on the server."""
    return engine.group.each(engine.group.urls, work)


def sampled_rightly(engine, policy):
    completions = engine.generate(policy, PROMPTS, SAMPLING, "test")
    check_canary(policy, engine, PROMPTS, completions, 1.0)
    return completions


def test_the_policy_before_training_is_sent_from_its_files(engine, policy, tokenizer, tmp_path):
    stored = build_policy(len(tokenizer), tokenizer.eos_token_id, seed=2, head_dim=32, tied=True)
    stored.save_pretrained(tmp_path / "start", max_shard_size="40KB")
    outline = outline_in_files(str(tmp_path / "start"))
    sampled_rightly(engine, policy)
    completions = engine.generate(outline, PROMPTS, SAMPLING, "test")
    check_canary(stored, engine, PROMPTS, completions, 1.0)
    sampled_rightly(engine, policy)


def test_a_fitting_server_passes(engine, policy, tokenizer):
    engine.check(policy.config, tokenizer, 512)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": "bfloat16"}, r"--dtype bfloat16 \(got float32\)"),
        ({"longest": 600}, "600 tokens together, got --max-model-len 512"),
        ({"hidden": 64}, r"config says otherwise: .*hidden_size 64 \(got 32\)"),
        ({"tokenizer": True}, "expected the tokenizer of the policy"),
    ],
    ids=str,
)
def test_a_server_that_does_not_fit_is_refused(tiny_servers, policy, tokenizer, change, message):
    engine = VLLMServers([server.url for server in tiny_servers], change.get("dtype", "float32"))
    config = policy.config
    if "hidden" in change:
        config.hidden_size = change["hidden"]
    if "tokenizer" in change:
        tokenizer = type(tokenizer)(tokenizer_object=_other(tokenizer))
    with pytest.raises(InputError, match=message):
        engine.check(config, tokenizer, change.get("longest", 512))


def _other(tokenizer):
    """The same tokenizer with two tokens exchanged."""
    from tokenizers import Tokenizer

    spelled = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = spelled["model"]["vocab"]
    vocabulary["1"], vocabulary["2"] = vocabulary["2"], vocabulary["1"]
    return Tokenizer.from_str(json.dumps(spelled))


def test_a_trainer_that_was_killed_in_a_transfer_leaves_no_trace(engine, policy):
    """The server is within an update, with half of other weights and their name taken away."""
    first = sampled_rightly(engine, policy)
    half = dict(list(full_tensors(build_policy(260, 256, seed=1, head_dim=32, tied=True)))[:5])
    path = f"{engine.weights.folder}/half.safetensors"
    save_file(half, path)

    async def begin(server):
        await server.call("/update_weight_version", {"new_version": INCOMPLETE})
        await server.call("/pause?mode=abort")
        await server.call("/start_weight_update")
        await server.call("/update_weights", {"update_info": {"paths": [path]}})

    on(engine, begin)
    assert sampled_rightly(engine, policy) == first


def test_weights_that_lack_a_parameter_are_refused_and_whole_ones_mend_it(engine, policy):
    first = sampled_rightly(engine, policy)
    with pytest.raises(InputError, match=r"could not load the weights: .*has no weights for"):
        on(engine, lambda server: update(server, "p2o-other", {"paths": []}))
    assert sampled_rightly(engine, policy) == first


def test_a_file_that_is_cut_off_is_refused(engine, policy, tmp_path):
    first = sampled_rightly(engine, policy)
    [whole] = engine.weights._paths
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(Path(whole).read_bytes()[:5000])
    with pytest.raises(InputError, match="could not load the weights"):
        on(engine, lambda server: update(server, "p2o-other", {"paths": [str(cut)]}))
    assert sampled_rightly(engine, policy) == first


def test_other_weights_under_the_right_name_are_caught_by_the_canary(engine, policy, tmp_path):
    """What the name does not tell: somebody wrote into the file, say."""
    other = dict(full_tensors(build_policy(260, 256, seed=1, head_dim=32, tied=True)))
    save_file(other, tmp_path / "other.safetensors")
    version = engine.weights.version_of(policy)
    on(engine, lambda server: update(server, version, {"paths": [str(tmp_path / "other.safetensors")]}))
    completions = engine.generate(policy, PROMPTS, SAMPLING, "test")
    with pytest.raises(InputError, match="VLLMServers does not sample from the weights that are trained"):
        check_canary(policy, engine, PROMPTS, completions, 1.0)
    on(engine, lambda server: server.call("/update_weight_version", {"new_version": INCOMPLETE}))


def test_weights_are_named_by_their_values(policy):
    transport = SharedFolder()
    name = transport.version_of(policy)
    assert name == transport.version_of(policy) and len(name) == len("p2o-") + 16
    with torch.no_grad():
        policy.lm_head.weight[3, 4] += 1e-6
    assert transport.version_of(policy) != name


def test_only_the_last_weights_lie_in_the_folder(engine, policy):
    sampled_rightly(engine, policy)
    [path] = engine.weights._paths
    with torch.no_grad():
        policy.lm_head.weight.mul_(1.1)
    sampled_rightly(engine, policy)
    [new] = engine.weights._paths
    assert Path(new).exists() and not Path(path).exists()
