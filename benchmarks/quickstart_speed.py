"""The quickstart of another revision against that of this tree: `python benchmarks/quickstart_speed.py REVISION`.

Fits alternate, one thread each; prints wall and CPU seconds of both and the ratio of each pair.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent.parent


def fit(tree: Path, out: Path, epochs: int) -> tuple[float, float]:
    """Wall and CPU seconds of `p2o fit`."""
    command = [sys.executable, "-m", "p2o", "fit", "--config", str(tree / "configs" / "quickstart.yaml")]
    command += [f"--trainer.max_epochs={epochs}", f"--trainer.default_root_dir={out}"]
    command += ["--trainer.enable_progress_bar=false"]
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="of git")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "tree"
        other.mkdir()
        archive = subprocess.run(["git", "-C", str(HERE), "archive", options.revision], check=True, capture_output=True)
        subprocess.run(["tar", "-x", "-C", str(other)], check=True, input=archive.stdout)
        pairs = []
        for number in range(options.pairs):
            before = fit(other, Path(folder) / f"before{number}", options.epochs)
            pairs.append((before, fit(HERE, Path(folder) / f"after{number}", options.epochs)))
    for kind, place in (("wall", 0), ("CPU", 1)):
        then, now = ([pair[side][place] for pair in pairs] for side in (0, 1))
        ratios = [b / a for b, a in zip(then, now, strict=True)]
        print(
            f"{kind} s: {options.revision} {statistics.median(then):.1f}, here {statistics.median(now):.1f}; "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
