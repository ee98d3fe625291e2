"""Mistakes in configs and options, and what to write instead."""
