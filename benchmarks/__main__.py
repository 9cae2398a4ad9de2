"""The command line: `python -m benchmarks` measures everything; `--quick` only proves that the harness works.

Tables go to stdout (or JSON with `--json`), progress to stderr. A run of everything also writes them down beside
this file: results.json, results.svg, and the results in README.md.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.contestant import CONTESTANTS
from benchmarks.figure import Figures, Handled
from benchmarks.machine import describe_machine
from benchmarks.measure import measure
from benchmarks.npm import NotThere, install
from benchmarks.picture import draw
from benchmarks.plan import FULL, PARTS, QUICK, estimate_s, parts_of
from benchmarks.report import Report

_HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and tell by the exit status whether Okos handled every message once and in order."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__.partition("\n")[0],
        epilog="Parts: " + "; ".join(f"{name} ({what})" for name, what in PARTS.items()) + ".",
    )
    parser.add_argument("--quick", action="store_true", help="small numbers, one round: the figures mean nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--contestants", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), metavar="NAME")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="measure these")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of three")
    args = parser.parse_args(arguments)

    plan = QUICK if args.quick else FULL
    if args.rounds is not None:
        plan = replace(plan, rounds=max(1, args.rounds))
    contestants, left_out = _those_that_run(args.contestants)
    parts = parts_of(plan, contestants, args.only)
    if not parts:
        parser.error("these contestants have nothing to do in these parts")
    print(f"This takes about {max(1, round(estimate_s(parts) / 60))} minutes.", file=sys.stderr)
    machine = describe_machine(has_npm=any(CONTESTANTS[name].is_npm for name in contestants))
    measured = measure(parts)
    report = Report(
        command=" ".join(["python -m benchmarks", *(sys.argv[1:] if arguments is None else arguments)]),
        rounds=plan.rounds,
        machine=machine,
        figures=measured.figures,
        left_out=(*left_out, *measured.failures),
    )
    print(json.dumps(report.as_json(), indent=2) if args.json else report.as_markdown())
    if not args.quick and set(args.only) == set(PARTS) and set(args.contestants) == set(CONTESTANTS):
        _write_down(report)
    return 1 if measured.failures or any(_went_wrong(one) for one in measured.figures) else 0


def _those_that_run(wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the contestants that can run here, and what is left out and why."""
    from_npm = [name for name in wanted if CONTESTANTS[name].is_npm]
    if not from_npm:
        return list(wanted), []
    try:
        install()
    except NotThere as error:
        line = f"{' and '.join(from_npm)}, because {error}"
        print(f"Left out: {line}.", file=sys.stderr)
        return [name for name in wanted if name not in from_npm], [line]
    return list(wanted), []


def _went_wrong(one: Figures) -> bool:
    """Say whether Okos lost, doubled or reordered a message."""
    return (
        isinstance(one, Handled) and one.contestant == "okos" and bool(one.missing or one.doubled or one.out_of_order)
    )


def _write_down(report: Report) -> None:
    """Put the figures beside this file: all of them as JSON, some as a picture, and as tables in the page."""
    (_HERE / "results.json").write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    picture = draw(report.figures)
    if picture is not None:
        (_HERE / "results.svg").write_text(picture, encoding="utf-8")
    page = _HERE / "README.md"
    before, begin, rest = page.read_text(encoding="utf-8").partition("<!-- results -->\n")
    _, end, after = rest.partition("<!-- end of results -->\n")
    page.write_text(f"{before}{begin}{report.as_markdown()}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
