"""What a user of the wheel meets, in an empty environment and an empty folder: from `p2o init` to a model folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ["--trainer.max_epochs=2", "--trainer.enable_progress_bar=false", "--fixed_questions.questions=0"]
FEW = [
    "--data.train.init_args.easy=8",
    "--data.train.init_args.hard=16",
    "--evolution.budget=60",
    "--evolution.dev_size=4",
]
TINY = ["--data.validation.init_args.count=4", "--data.batch_size=4", "--model.mini_batch_size=4"]
TINY += [
    "--model.max_completion_length=24",
    "--evolution.min_hard_set=4",
    "--evolution.dev_size=2",
    "--evolution.budget=30",
]
LOADED = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = (kind.from_pretrained("my-model") for kind in (AutoModelForCausalLM, AutoTokenizer))
asked = [{"role": "user", "content": "Answer within \\\\boxed{}.\\nQuestion: 3 + 4"}]
ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**ids, max_new_tokens=24, do_sample=False)[0]))
assert "p2o" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_from_the_wheel_to_a_model(tmp_path):
    """The wheel and nothing else of p2o; its dependencies are those of the environment that runs the tests."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", tmp_path / "wheel", ROOT], check=True)
    environment, folder = tmp_path / "environment", tmp_path / "empty"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    [wheel] = (tmp_path / "wheel").glob("*.whl")
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "-q", "--no-deps", wheel], check=True)
    packages = next((environment / "lib").glob("python*")) / "site-packages"
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def p2o(*words: str) -> str:
        command = [environment / "bin" / "p2o", *words]
        done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr and "deprecated" not in done.stderr, done.stderr
        return done.stdout

    def printed(code: str) -> str:
        command = [python, "-c", code]
        return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=True).stdout

    assert printed("import p2o; print(p2o.__file__)").startswith(str(environment))
    assert "p2o:quickstart" in p2o("configs")
    assert "--model.mini_batch_size" in p2o("--help", "model")
    p2o("init", "quickstart", "my.yaml")
    p2o("plan", "--config", "my.yaml", "--no-calibration")
    p2o("fit", "--config", "my.yaml", *SHORT, *FEW)
    summary = json.loads((folder / "runs" / "my" / "summary.json").read_text(encoding="utf-8"))
    assert summary["epochs"] == 2 and summary["rollouts"]["evolution"] > 0
    p2o("report", "runs/my")
    p2o("export", "runs/my/checkpoints/last.ckpt", "my-model")
    assert (folder / "runs" / "my" / "report.html").exists()
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in (folder / "my-model").iterdir()}
    assert "boxed" in printed(LOADED)

    # Questions of one's own.
    rows = [{"question": f"{a} + {a + 3}", "answer": str(2 * a + 3)} for a in range(24)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    p2o("init", "own.yaml", "--questions", "train.jsonl", "--model", "p2o/micro-policy")
    p2o("fit", "--config", "own.yaml", *SHORT, *TINY)
    p2o("report", "runs/own")
    p2o("export", "runs/own/checkpoints/last.ckpt", "own-model")
    assert (folder / "own-model" / "model.safetensors").exists()
