"""Settings of the Trainer under which training would be wrong are refused before anything is loaded."""

from contextlib import nullcontext

import pytest

from p2o.cli.main import main
from quickstart_run import CONFIG, fit


def refusal(capsys) -> str:
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("p2o: error")]
    return line


@pytest.mark.parametrize("command", ["fit", "plan"])
@pytest.mark.parametrize("precision", ["16-mixed", "16-true", "bf16-true", "64-true"])
def test_a_precision_that_p2o_does_not_train_in(tmp_path, capsys, command, precision):
    """A scaled loss would be clipped before it is unscaled; whole half-precision weights hardly move at 1e-6."""
    if (command, precision) == ("fit", "16-mixed"):
        pytest.skip("Lightning takes bf16-mixed for it on a CPU, and says so")
    with pytest.raises(SystemExit) as ended:
        if command == "plan":
            main(["plan", f"--config={CONFIG}", f"--trainer.precision={precision}"])
        else:
            fit(tmp_path, f"--trainer.precision={precision}")
    assert ended.value.code == 2
    assert f"trainer.precision: expected 32-true or bf16-mixed, got {precision!r}" in refusal(capsys)


@pytest.mark.parametrize("command", ["fit", "plan"])
def test_an_engine_with_too_little_room_is_known_before_training(tmp_path, capsys, command):
    """And not by the first long prompt."""
    words = [f"--config={CONFIG}", "--model.engine=VLLMEngine", "--model.engine.max_model_len=256"]
    fields = [
        "--model.max_prompt_length=200",
        "--model.max_completion_length=96",
        f"--trainer.default_root_dir={tmp_path}",
    ]
    with pytest.raises(SystemExit) if command == "fit" else nullcontext():
        main([command, *words, *(fields if command == "fit" else fields[:2])])
    printed = capsys.readouterr()
    assert "do not fit into the window of 256 tokens together" in " ".join((printed.out + printed.err).split())


def test_a_mixture_that_would_never_be_drawn_again(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        fit(tmp_path, "--trainer.reload_dataloaders_every_n_epochs=0", "--trainer.max_epochs=2")
    assert ended.value.code == 2
    assert "trainer.reload_dataloaders_every_n_epochs: expected 1" in refusal(capsys)
