"""Kills runs at random moments, resumes them, and compares what is left with a run that nobody killed.

    python -m tools.chaos --kills 200 --processes 1

A kill is SIGKILL to the process itself, sent within a phase of the run: the how-manieth time and how long after it has
begun are drawn at random, so that short phases such as the write of a checkpoint are hit as often as long ones. Each
phase keeps in shared memory that it is under way, and so the table has the phase that was hit, not the one that was
meant. With two processes the kill takes the first, the second or both.

Each run is a line of `results.jsonl`: a campaign that is cut off goes on where it stood.
"""
