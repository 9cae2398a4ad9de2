"""The program under measurement, an entry point: `dramatiq benchmarks.worker`.

What it measures comes by the environment, for the `dramatiq` command passes nothing else on.
"""

import os
from pathlib import Path

import dramatiq

from benchmarks.contestant import CONTESTANTS
from benchmarks.gate import Gate
from benchmarks.ledger import Ledger

_directory = Path(os.environ["BENCH_DIRECTORY"])
_contestant = CONTESTANTS[os.environ["BENCH_CONTESTANT"]]

_ledger = Ledger(_directory)
_broker = _contestant.connect(os.environ["BENCH_URL"])
_broker.add_middleware(Gate(_directory, _ledger))
_contestant.declare(_broker, _ledger.handle)
dramatiq.set_broker(_broker)
