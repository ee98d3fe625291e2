"""The settings of mining and evolution are options, and each says what the paper used."""

import inspect

import docstring_parser  # comes with jsonargparse, which makes `--help` of it
import pytest

from p2o.evolution.callback import TemplateEvolution
from p2o.mixture.data_module import MixtureDataModule


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (MixtureDataModule, "tau"),
        (MixtureDataModule, "num_generations"),
        (MixtureDataModule, "bare_rollouts"),
        (TemplateEvolution, "dev_size"),
        (TemplateEvolution, "min_hard_set"),
        (TemplateEvolution, "carry_over"),
    ],
)
def test_documented(part, name):
    assert name in inspect.signature(part).parameters
    [said] = [entry.description for entry in docstring_parser.parse(part.__doc__).params if entry.arg_name == name]
    assert "paper" in said
