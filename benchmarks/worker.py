"""The program under measurement, an entry point: `dramatiq benchmarks.worker`.

What it measures comes by the environment, for the `dramatiq` command passes nothing else on.
"""

import os
from pathlib import Path

import dramatiq

from benchmarks.gate import Gate
from benchmarks.ledger import Ledger
from benchmarks.program import PROGRAMS

_directory = Path(os.environ["BENCH_DIRECTORY"])
_program = PROGRAMS[os.environ["BENCH_CONTESTANT"]]

_ledger = Ledger(_directory, notes_starts=bool(os.environ["BENCH_STARTS"]))
_broker = _program.connect(os.environ["BENCH_URL"])
_broker.add_middleware(Gate(_directory, _ledger))
_program.declare(_broker, _ledger.tell if os.environ["BENCH_STREAMS"] else _ledger.handle)
dramatiq.set_broker(_broker)
