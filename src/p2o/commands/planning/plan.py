"""What `p2o plan` says about a run."""

from jsonargparse import Namespace

from p2o.commands.planning.calibration import calibrate
from p2o.commands.planning.contradictions import contradictions, rejections
from p2o.commands.planning.evolution_size import evolution_size
from p2o.commands.planning.memory import demand_of, memory
from p2o.commands.planning.page import page
from p2o.commands.planning.phases import middle, phases
from p2o.commands.planning.prices import Paid, prices_of
from p2o.commands.planning.run import PlannedRun
from p2o.policy.loading import load_config

SHARES = (0.1, 0.25, 0.5, 1.0)  # of the questions, assumed to be hard


def plan(run: PlannedRun, trainer: Namespace, rollouts: int, length: int = 0, device: int = 0) -> str:
    """Plans a run, and says the plan as text.

    Args:
        run: The run.
        trainer: Its settings of the section `trainer`.
        rollouts: To calibrate with; 0: no calibration.
        length: Tokens that completions are expected to have on average; 0: not known.
        device: Bytes of memory of each device; 0: not known.
    """
    rejected, odd = rejections(run), contradictions(run)
    measured = calibrate(run, trainer, rollouts) if rollouts and not rejected else None
    shares = [measured.hard, *SHARES] if measured else SHARES
    sizes = [evolution_size(run, count) for count in dict.fromkeys(round(run.questions * share) for share in shares)]
    slices = f" of {run.questions:,}" if run.questions_per_epoch < run.questions else ""
    head = (
        f"{run.module.model}: {run.epochs} epochs of {run.questions_per_epoch:,}{slices} questions x "
        f"{run.data.num_generations} rollouts, {run.processes} process{'es' if run.processes > 1 else ''}"
    )
    if run.silent_writers:
        head += (
            f"\nHow long the templates of {', '.join(run.silent_writers)} become is not known (its longest_template "
            f"says nothing): {run.longest_template:,} tokens are assumed, all that fit the window beside the longest "
            "question and a completion."
        )
    teacher = vars(run.module.sampler).get("teacher")
    paid = Paid(prices_of(run.reflector), prices_of(teacher))
    costs = phases(run, measured, paid, length)
    guess = middle(run, measured, paid, length) if measured else 0.0
    needs = memory(load_config(run.module.model), demand_of(run, length), device)
    return page(head, costs, guess, sizes, needs, device, measured, [*rejected, *odd])
