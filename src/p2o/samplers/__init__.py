"""Samplers: what a step learns from."""

from p2o.samplers.base import Drawn, Group, Sampler, SamplingContext, TakeAll, Workload, padded
from p2o.samplers.dynamic import DynamicSampling
from p2o.samplers.endpoint_teacher import EndpointTeacher
from p2o.samplers.prompted_teacher import PromptedTeacher
from p2o.samplers.teacher import Teacher, TeacherCompletions

__all__ = [
    "Drawn",
    "DynamicSampling",
    "EndpointTeacher",
    "Group",
    "PromptedTeacher",
    "Sampler",
    "SamplingContext",
    "TakeAll",
    "Teacher",
    "TeacherCompletions",
    "Workload",
    "padded",
]
