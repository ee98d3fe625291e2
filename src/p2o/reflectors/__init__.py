"""Reflectors: failures in, new templates out."""

from p2o.reflectors.base import Example, Proposal, ReflectionJob, Reflector
from p2o.reflectors.self_reflector import SelfReflector
from p2o.reflectors.static import StaticReflector
from p2o.reflectors.teacher import TeacherReflector

__all__ = ["Example", "Proposal", "ReflectionJob", "Reflector", "SelfReflector", "StaticReflector", "TeacherReflector"]
