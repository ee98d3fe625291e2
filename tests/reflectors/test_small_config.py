"""The config for small models ships what its benchmark measures."""

import importlib.util
from pathlib import Path

import yaml

from p2o.reflectors import SelfReflector

ROOT = Path(__file__).parents[2]


def test_the_last_row_of_the_benchmark_is_the_config_for_small_models():
    spec = importlib.util.spec_from_file_location("replies", ROOT / "benchmarks" / "reflection_replies.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(benchmark := importlib.util.module_from_spec(spec))
    config = yaml.safe_load((ROOT / "configs" / "reflector" / "small.yaml").read_text(encoding="utf-8"))
    shipped = config["evolution"]["reflector"]["init_args"]
    assert vars(list(benchmark.reflectors().values())[-1]) == vars(SelfReflector(**shipped))
