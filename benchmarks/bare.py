"""The floor under every drain with handlers: bare threads, the same sleeps, one round trip a message.

An entry point, `python -m benchmarks.bare`: no queue, no order, no recovery. A thread has its own messages.
"""

import argparse
import threading
from pathlib import Path

import redis

from benchmarks.gate import wait_at
from benchmarks.ledger import Ledger


def main() -> None:
    """Run the threads of one OS process, from the gate to the last message."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--first-user", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True, help="messages per thread")
    parser.add_argument("--sleep-ms", type=int, required=True)
    args = parser.parse_args()

    ledger = Ledger(args.directory)

    def work(user: int) -> None:
        with redis.Redis.from_url(args.url) as client:
            client.ping()
            booted.wait()
            start.wait()
            for seq in range(args.messages):
                ledger.handle(user, seq, args.sleep_ms)
                client.ping()

    booted = threading.Barrier(args.threads + 1)
    start = threading.Event()
    threads = [threading.Thread(target=work, args=(args.first_user + index,)) for index in range(args.threads)]
    for thread in threads:
        thread.start()
    booted.wait()
    ledger.open()
    wait_at(args.directory)
    start.set()
    for thread in threads:
        thread.join()
    ledger.close()


if __name__ == "__main__":
    main()
