"""The command: runs a campaign, or goes on with one, and prints its table."""

import argparse
import sys
from collections import Counter
from datetime import date
from pathlib import Path

import tools.chaos
from tools.chaos.campaign import Campaign, machine


def table(campaign: Campaign) -> str:
    """How many kills hit each phase, and how many of them belong to runs that do not equal the undisturbed one."""
    kills = Counter(phase for phase, _ in campaign.hits)
    lost = Counter(phase for result in campaign.results if result.differences for phase, _ in result.hits)
    rows = [f"| {phase} | {count} | {count - lost[phase]} | {lost[phase]} |" for phase, count in kills.most_common()]
    total = f"| **all** | {kills.total()} | {kills.total() - lost.total()} | {lost.total()} |"
    return "\n".join(["| phase that was hit | kills | resumed bitwise | lost |", "|---|--:|--:|--:|", *rows, total])


def main() -> None:
    """Runs until so many kills have hit; exits with 1 if a run was not equal."""
    parser = argparse.ArgumentParser(description=tools.chaos.__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="those of an earlier campaign in the folder included")
    parser.add_argument("--processes", type=int, choices=[1, 2], default=1, help="of each run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="of the campaign; by default build/chaos-PROCESSES")
    options = parser.parse_args()
    folder = (options.folder or Path(f"build/chaos-{options.processes}")).resolve()
    campaign = Campaign(folder, options.processes, options.seed)
    try:
        campaign.run(options.kills)
    finally:
        runs, seconds = len(campaign.results), sum(result.seconds for result in campaign.results)
        print(f"{len(campaign.hits)} kills in {runs} runs of {options.processes} process(es), {seconds:.0f} s")
        print(f"{machine()}; {date.today()}\n{table(campaign)}")
        if options.processes > 1:
            print("ranks that were killed:", Counter(str(ranks) for _, ranks in campaign.hits))
    unequal = [difference for result in campaign.results for difference in result.differences]
    sys.exit("\n".join(["not equal:", *unequal]) if unequal else 0)


if __name__ == "__main__":
    main()
