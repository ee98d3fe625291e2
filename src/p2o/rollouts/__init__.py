"""Rollouts: the worker that samples and grades them, their groups, and the samplers that decide what a step learns."""

from p2o.rollouts.counts import RolloutCounts
from p2o.rollouts.dynamic_sampling import DynamicSampling
from p2o.rollouts.endpoint_teacher import EndpointTeacher
from p2o.rollouts.groups import Group, prompt_numbers
from p2o.rollouts.prompted_teacher import PromptedTeacher
from p2o.rollouts.sampler import AllGroups, SampledGroups, Sampler, Workload, padded, sample_checked
from p2o.rollouts.sampling_ahead import SamplingAhead
from p2o.rollouts.step import RolloutStep, StepFailed
from p2o.rollouts.teacher import Teacher, TeacherCompletions
from p2o.rollouts.training_samples import advantages_of, training_samples
from p2o.rollouts.worker import RolloutRequest, RolloutWorker, SubmittedRollouts

__all__ = [
    "AllGroups",
    "DynamicSampling",
    "EndpointTeacher",
    "Group",
    "PromptedTeacher",
    "RolloutCounts",
    "RolloutRequest",
    "RolloutStep",
    "RolloutWorker",
    "SampledGroups",
    "Sampler",
    "SamplingAhead",
    "StepFailed",
    "SubmittedRollouts",
    "Teacher",
    "TeacherCompletions",
    "Workload",
    "advantages_of",
    "padded",
    "prompt_numbers",
    "sample_checked",
    "training_samples",
]
