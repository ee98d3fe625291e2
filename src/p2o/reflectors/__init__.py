"""Reflectors: each reads how a template failed and proposes a better one."""

from p2o.reflectors.base import (
    Example,
    Proposal,
    ReflectionContext,
    ReflectionFailed,
    ReflectionJob,
    Reflector,
)
from p2o.reflectors.diagnosing import DiagnosingReflector
from p2o.reflectors.failure_judge import FailureJudge
from p2o.reflectors.record import RecordingReflector
from p2o.reflectors.replay import ReplayReflector
from p2o.reflectors.self_reflector import SelfReflector
from p2o.reflectors.static import StaticReflector
from p2o.reflectors.teacher import TeacherReflector

__all__ = [
    "DiagnosingReflector",
    "Example",
    "FailureJudge",
    "Proposal",
    "RecordingReflector",
    "ReflectionContext",
    "ReflectionFailed",
    "ReflectionJob",
    "Reflector",
    "ReplayReflector",
    "SelfReflector",
    "StaticReflector",
    "TeacherReflector",
]
