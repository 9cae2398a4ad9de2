"""What the gateway adds on a message's way, and what it carries: `python -m benchmarks.telegram`.

Four processes: the tests' data centre, `okos gateway`, a Valkey of its own, and this one, with workers that answer at
once. In one run:

    taken in        updates a second that go from the wire into their mailboxes, as fast as the data centre sends them
    way in          from the data centre's sending of an update to the start of its handler, at a quiet pace
    way out         from the end of the handler to the answer's arrival at the data centre, in the same run
    delivered       answers a second out of a full outbox, with the pace of Telegram's own limits taken away

The data centre is on this machine and answers at once: what a network would add comes on top.
"""

import argparse
import importlib
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dramatiq
from pydantic import SecretStr

from benchmarks.server import running_server
from okos.envelope import Envelope, Reply
from okos.mailbox import MailboxBroker
from okos.outbox import posted
from okos.settings import Settings, Telegram, child_environment

TESTS = Path(__file__).parents[1] / "tests"
USERS = 200
DEADLINE_S = 120.0


def _centre(pipe: Connection) -> None:
    """Run the data centre and do what is asked through the pipe; the child's part."""
    sys.path.insert(0, str(TESTS))
    datacentre = importlib.import_module("datacentre")
    with datacentre.running() as dc:
        users = [dc.add_user(f"User{number}") for number in range(USERS)]
        pipe.send((dc.address, str(dc.public_key_path), dc.bot_token))
        while (order := pipe.recv()) is not None:
            name, count, pause_s = order
            if name == "say":
                for number in range(count):
                    dc.says(users[number % USERS], str(time.monotonic_ns()))
                    time.sleep(pause_s)
                pipe.send(None)
            elif name == "calls":
                pipe.send(dict(dc.record.counts()))
            else:
                pipe.send([(event.at_s, event.text) for event in dc.record.of("said")])


class Centre:
    """The data centre in a process of its own."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_centre, args=(theirs,), daemon=True)
        self._process.start()
        self.address, self.key, self.token = self._pipe.recv()

    def say(self, count: int, *, pause_s: float = 0.0) -> None:
        """Let users write, one after the other, each the instant (ns) as its text; returns when the last one has."""
        self._ask("say", count, pause_s)

    def calls(self) -> dict[str, int]:
        """Return the calls that came in."""
        return dict(self._ask("calls", 0, 0.0))

    def said(self) -> list[tuple[float, str]]:
        """Return what the bot said: when (s, the same clock) and what."""
        return list(self._ask("said", 0, 0.0))

    def stop(self) -> None:
        """End it."""
        self._pipe.send(None)
        self._process.join(10)

    def _ask(self, name: str, count: int, pause_s: float) -> Any:  # Any: what was asked for
        self._pipe.send((name, count, pause_s))
        return self._pipe.recv()


class Answering:
    """Workers that answer each message at once with the instant at which its handler ended."""

    def __init__(self, settings: Settings) -> None:
        self.broker = MailboxBroker(settings.redis_url or "", namespace=settings.namespace)
        self.ways_in_ms: list[float] = []
        self.envelopes: dict[str, Envelope] = {}
        dramatiq.actor(broker=self.broker, actor_name="text", queue_name="text")(self._answer)
        self._worker = dramatiq.Worker(self.broker, worker_threads=8, worker_timeout=100)

    def start(self) -> None:
        """Begin to work."""
        self.broker.emit_after("process_boot")
        self._worker.start()

    def stop(self) -> None:
        """Work no more."""
        self._worker.stop()

    def _answer(self, body: object) -> None:
        envelope = Envelope.decode(body)
        self.ways_in_ms.append((time.monotonic_ns() - int(envelope.text)) / 1e6)
        self.envelopes[envelope.chat] = envelope
        reply = Reply(envelope_id=envelope.id, chat=envelope.chat, text=str(time.monotonic_ns()), last=True)
        self.broker.enqueue(posted(envelope, reply))


@contextmanager
def _gateway(settings: Settings, centre: Centre) -> Iterator[None]:
    """Run `okos gateway` until it is to end."""
    with (settings.home / "gateway.log").open("ab") as log:
        command = [sys.executable, "-m", "okos", "gateway"]
        process = subprocess.Popen(command, env=child_environment(settings), stderr=log)
    try:
        _wait_until(lambda: centre.calls().get("bots.SetBotCommands", 0) > 0)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_until(condition: Any) -> None:  # Any: a function without arguments
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it took too long")
        time.sleep(0.01)


def _percentiles(values: list[float]) -> dict[str, float]:
    cut = statistics.quantiles(values, n=100)
    return {"p50_ms": round(cut[49], 2), "p99_ms": round(cut[98], 2)}


def measure(*, updates: int, quiet: int, answers: int) -> dict[str, Any]:  # Any: JSON
    """Measure everything once."""
    centre = Centre()
    with running_server() as server, tempfile.TemporaryDirectory(prefix="okos-") as home:
        settings = Settings(
            home=Path(home),
            redis_url=server.url,
            max_backlog=updates,
            telegram=Telegram(
                api_id=1,
                api_hash=SecretStr("hash"),
                bot_token=SecretStr(centre.token),
                dc_address=centre.address,
                dc_public_key=Path(centre.key),
                buffer=updates,
                per_chat_ms=0,
                per_second=100_000,
            ),
        )
        answering = Answering(settings)
        broker = answering.broker
        with _gateway(settings, centre):
            answering.start()
            centre.say(quiet, pause_s=0.05)
            _wait_until(lambda: len(centre.said()) == quiet)
            ways_out_ms = [at_s * 1e3 - int(text) / 1e6 for at_s, text in centre.said()]
            ways_in_ms = list(answering.ways_in_ms)
            answering.stop()

            accepted, begun_s = broker.stats().accepted, time.monotonic()
            centre.say(updates)
            sent_s = time.monotonic() - begun_s
            _wait_until(lambda: broker.stats().accepted == accepted + updates)
            taken_s = time.monotonic() - begun_s

            before = len(centre.said())
            envelopes = list(answering.envelopes.values())
            for number in range(answers):
                envelope = envelopes[number % len(envelopes)]
                reply = Reply(envelope_id=f"{envelope.id}:{number}", chat=envelope.chat, text=str(number), last=True)
                broker.enqueue(posted(envelope, reply))
            _wait_until(lambda: len(centre.said()) == before + answers)
            said = [at_s for at_s, _ in centre.said()[before:]]
        broker.close()
    centre.stop()
    return {
        "cores": os.cpu_count(),
        "updates_taken_in_per_s": round(updates / taken_s),
        "updates_sent_per_s": round(updates / sent_s),
        "way_in": _percentiles(ways_in_ms),
        "way_out": _percentiles(ways_out_ms),
        "answers_delivered_per_s": round(answers / (said[-1] - said[0])),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=5_000, help="to be taken in as fast as it goes")
    parser.add_argument("--quiet", type=int, default=400, help="to be answered at 20 a second")
    parser.add_argument("--answers", type=int, default=2_000, help="to be delivered as fast as it goes")
    chosen = parser.parse_args()
    print(json.dumps(measure(updates=chosen.updates, quiet=chosen.quiet, answers=chosen.answers), indent=2))


if __name__ == "__main__":
    main()
