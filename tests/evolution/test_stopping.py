from types import SimpleNamespace

import pytest

from p2o.engines import TransformersEngine, VLLMEngine
from p2o.errors import InputError
from p2o.evolution import stopping
from p2o.reflectors import SelfReflector, StaticReflector


@pytest.fixture
def module(monkeypatch):
    """Of a policy module, its engine, and those of whoever writes hints."""
    monkeypatch.setattr(stopping, "PolicyModule", SimpleNamespace)
    return lambda engine, *hints: SimpleNamespace(engine=engine, sampler=SimpleNamespace(own_engines=hints))


def test_it_is_the_engine_that_reflects_which_one_process_alone_must_be_able_to_ask(module):
    alone, of_two = TransformersEngine(), TransformersEngine()
    of_two.processes = 2
    for run, own in ((of_two, None), (alone, of_two)):
        with pytest.raises(InputError, match="2 processes hold its engine's model together"):
            stopping.check_reflector(SelfReflector(engine=own), module(run))
    stopping.check_reflector(SelfReflector(engine=alone), module(of_two))
    stopping.check_reflector(StaticReflector(["a"]), module(of_two))


def test_a_second_vllm_that_sleeps_in_the_process_is_refused(module, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    one, two, awake, policys = VLLMEngine(), VLLMEngine(), VLLMEngine(sleep_level=0), TransformersEngine()
    for found in (module(one), module(policys, one)):
        with pytest.raises(InputError, match=r"SelfReflector: expected one VLLMEngine that sleeps.* take VLLMServers"):
            stopping.check_reflector(SelfReflector(engine=two), found)
    for own, found in ((None, module(one)), (one, module(one)), (two, module(policys)), (two, module(awake))):
        stopping.check_reflector(SelfReflector(engine=own), found)
