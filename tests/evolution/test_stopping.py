from types import SimpleNamespace

import pytest

from p2o.engines import TransformersEngine
from p2o.errors import InputError
from p2o.evolution import stopping
from p2o.reflectors import SelfReflector, StaticReflector


@pytest.fixture
def module(monkeypatch):
    """Of a policy module, its engine."""
    monkeypatch.setattr(stopping, "PolicyModule", SimpleNamespace)
    return lambda engine: SimpleNamespace(engine=engine)


def test_it_is_the_engine_that_reflects_which_one_process_alone_must_be_able_to_ask(module):
    alone, of_two = TransformersEngine(), TransformersEngine()
    of_two.processes = 2
    for run, own in ((of_two, None), (alone, of_two)):
        with pytest.raises(InputError, match="2 processes hold its engine's model together"):
            stopping.check_reflector(SelfReflector(engine=own), module(run))
    stopping.check_reflector(SelfReflector(engine=alone), module(of_two))
    stopping.check_reflector(StaticReflector(["a"]), module(of_two))
