"""Samplers: what a step learns from."""

from p2o.rollouts.dynamic_sampling import DynamicSampling
from p2o.rollouts.endpoint_teacher import EndpointTeacher
from p2o.rollouts.prompted_teacher import PromptedTeacher
from p2o.rollouts.sampler import AllGroups, Group, SampledGroups, Sampler, SamplingContext, Workload, padded
from p2o.rollouts.teacher import Teacher, TeacherCompletions

__all__ = [
    "AllGroups",
    "DynamicSampling",
    "EndpointTeacher",
    "Group",
    "PromptedTeacher",
    "SampledGroups",
    "Sampler",
    "SamplingContext",
    "Teacher",
    "TeacherCompletions",
    "Workload",
    "padded",
]
