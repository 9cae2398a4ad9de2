"""Publish a workload, one call a message: `python -m benchmarks.publisher NAME WORKLOAD`, an entry point.

The server comes by the environment, as for workers. Tells as JSON how long it took and, where there was a pace, when
each message was published: before the call that did.
"""

import json
import os
import sys
import time

from benchmarks.program import PROGRAMS
from benchmarks.workload import Workload


def main() -> None:
    """Publish."""
    name, encoded = sys.argv[1:]
    workload = Workload.decode(encoded)
    program = PROGRAMS[name]
    broker = program.connect(os.environ["BENCH_URL"])
    actor = program.declare(broker, lambda *_: None)
    published_ns: list[int] = []
    started_s = time.monotonic()
    for seq in range(workload.messages_per_user):
        for user in range(workload.users):
            if workload.rate_per_s:
                time.sleep(max(0, started_s + len(published_ns) / workload.rate_per_s - time.monotonic()))
                published_ns.append(time.monotonic_ns())
            actor.send_with_options(
                args=(user, seq, workload.sleep_ms, workload.tokens, workload.token_ms), **program.options_for(user)
            )
    spent_s = time.monotonic() - started_s
    broker.close()
    json.dump({"seconds": spent_s, "published_ns": published_ns}, sys.stdout)


if __name__ == "__main__":
    main()
