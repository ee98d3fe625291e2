"""What a user of the wheel meets, in an empty environment and an empty folder: from `p2o init` to a model folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ["--trainer.max_epochs=1", "--data.train.init_args.easy=12", "--data.train.init_args.hard=12"]
SHORT += ["--evolution.budget=0", "--trainer.enable_progress_bar=false"]


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

    located = [python, "-c", "import p2o; print(p2o.__file__)"]
    place = subprocess.run(located, cwd=folder, env=clean, capture_output=True, text=True, check=True).stdout
    assert place.startswith(str(environment))
    assert "p2o:quickstart" in p2o("configs")
    p2o("init", "quickstart", "my.yaml")
    p2o("fit", "--config", "my.yaml", *SHORT)
    p2o("report", "runs/my")
    p2o("export", "runs/my/checkpoints/last.ckpt", "my-model")
    assert (folder / "runs" / "my" / "report.html").exists()
    assert {"config.json", "model.safetensors", "README.md"} <= {path.name for path in (folder / "my-model").iterdir()}
