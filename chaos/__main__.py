"""The command line: `python -m chaos` brews a storm from a seed, prints the seed first and the verdict last.

Progress goes to stderr, verdicts to stdout (as JSON with `--json`). The exit status is 1 if any promise was broken;
the notes and logs of such a run are kept.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from chaos.outcome import Outcome, outcome_of
from chaos.plan import plan_of
from chaos.scenario import SCENARIOS
from chaos.soak import soak
from chaos.storm import Storm
from chaos.summary import Row, as_summary
from chaos.trouble import KINDS

SECONDS = 60.0
MINUTES = 30.0

Runnable = Callable[[Path], Outcome]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; returns the exit status."""
    args = _parser().parse_args(arguments)
    rows, runs = [], _runs(args)
    for name, what, run in runs:
        print(f"{name}: {what}" if what else name, flush=True)
        began = time.monotonic()
        outcome = _run(run)
        rows.append(Row(name=name, outcome=outcome, took_s=time.monotonic() - began))
        print(json.dumps(outcome.figures, indent=2) if args.json else outcome.table, flush=True)
        if not outcome.is_good:
            print(outcome.story)
        print(f"{name}: {'no fault' if outcome.is_good else 'FAULTS'}", flush=True)
    if len(rows) > 1:
        print(as_summary(rows))
    return 0 if all(row.outcome.is_good for row in rows) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, help="the first seed (default: a random one)")
    parser.add_argument("--seeds", type=int, help="how many seeds, one after the other (default 1)")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"how long a storm rages (default {SECONDS:.0f})"
    )
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help=f"only these: {', '.join(KINDS)}")
    named = ", ".join(SCENARIOS)
    parser.add_argument(
        "--scenario", nargs="+", choices=[*SCENARIOS, "all"], metavar="NAME", help=f"named runs: {named}, all"
    )
    parser.add_argument("--soak", action="store_true", help="instead of a storm: a long calm load")
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"of the soak (default {MINUTES:.0f})")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def _runs(args: argparse.Namespace) -> list[tuple[str, str, Runnable]]:
    """Name what was asked for: first the seeds, then the scenarios; one seed if nothing was."""
    if args.soak:
        return [("soak", f"{args.minutes:g} minutes", partial(_soak, args.minutes))]
    runs: list[tuple[str, str, Runnable]] = []
    if args.seeds or args.seed is not None or not args.scenario:
        first = random.SystemRandom().randrange(1_000_000) if args.seed is None else args.seed
        kinds = tuple(args.only or KINDS)
        runs += [
            (f"seed {seed}", "", partial(_storm, seed, args.seconds, kinds))
            for seed in range(first, first + (args.seeds or 1))
        ]
    names = list(SCENARIOS) if "all" in (args.scenario or ()) else args.scenario or []
    return runs + [(name, SCENARIOS[name].what, partial(_scenario, name)) for name in names]


def _storm(seed: int, seconds: float, kinds: tuple[str, ...], directory: Path) -> Outcome:
    plan = plan_of(seed, seconds=seconds, kinds=kinds)
    _say(
        f"{plan.mix.users} users, {plan.rate} messages/s, bursts of up to {plan.mix.burst}, {plan.workers} workers of "
        f"{plan.threads} threads, {plan.jobs} at once a user"
    )
    return outcome_of(Storm(plan, directory, _say).run())


def _scenario(name: str, directory: Path) -> Outcome:
    return SCENARIOS[name].run(directory, _say)


def _soak(minutes: float, directory: Path) -> Outcome:
    return soak(minutes, directory, _say)


def _run(run: Runnable) -> Outcome:
    """Run it in a directory of its own, which is kept if there is something to look for in it."""
    # A socket's path may have 107 bytes at most: not in a directory of the user's choice.
    directory = Path(tempfile.mkdtemp(prefix="okos-chaos-", dir="/tmp"))
    # what the engine says in the harness itself: in a storm, much
    logging.basicConfig(filename=directory / "harness.log", level=logging.INFO, force=True)
    is_good = False
    try:
        outcome = run(directory)
        is_good = outcome.is_good
    finally:
        if is_good:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            _say(f"notes and logs are kept in {directory}")
    return outcome


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
