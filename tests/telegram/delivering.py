"""What the tests of delivery share: workers that answer as a test says, with previews; and gateways to kill."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import dramatiq
from datacentre.world import access_hash
from gateway_running import DEADLINE_S, settings_for
from real_server import eventually

from okos.child import spawn
from okos.envelope import Envelope, Reply
from okos.mailbox import MailboxBroker, current_run
from okos.middleware import Retry, UserMutex
from okos.outbox import posted
from okos.settings import Settings, child_environment
from okos.telegram.address import Address
from okos.telegram.envelope import OUTBOX

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from datacentre import Chat, DataCentre, Fault, Message, User
    from dramatiq.middleware import Middleware

#: No pause of the machine outlasts it; a test that waits for its end says SHORT_LEASE_MS.
LEASE_MS = 10_000
SHORT_LEASE_MS = 1_000

#: As fast as the machine goes.
FAST = {"per_chat_ms": 0, "per_second": 1_000, "preview_ms": 50, "group_preview_ms": 50}


def fast_settings(dc: DataCentre, url: str, namespace: str, **telegram: Any) -> Settings:
    """Point a gateway that does not wait at a data centre."""
    about: dict[str, Any] = {"lease_ms": LEASE_MS, "telegram": {**FAST, **telegram}}
    return settings_for(dc, url, namespace, **about)


class Turn:
    """A message at work: `show` previews what will be the answer."""

    def __init__(self, broker: MailboxBroker, envelope: Envelope) -> None:
        run = current_run()
        assert run is not None
        self.envelope = envelope
        self.text = envelope.text
        self.attempt = run.attempt
        self._token = run.token
        self._broker = broker

    def show(self, text: str) -> None:
        """Show the answer so far."""
        shown = {"id": self.envelope.id, "token": self._token, "text": text}
        self._broker.preview(OUTBOX, json.dumps(shown).encode())


def echo(turn: Turn) -> list[str]:
    """Answer with the question."""
    return [f"re: {turn.text}"]


@contextlib.contextmanager
def answering(
    url: str,
    namespace: str,
    answer: Callable[[Turn], list[str]] = echo,
    *,
    max_retries: int = 3,
    max_jobs_per_user: int = 1,
    lease_ms: int = LEASE_MS,
    works: bool = True,
) -> Iterator[MailboxBroker]:
    """Run workers that answer texts; gives their broker. No answer at all ends the turn in silence.

    Without `works` the broker alone, to look with.
    """
    middleware: list[Middleware] = [UserMutex(max_jobs_per_user=max_jobs_per_user), Retry()]
    broker = MailboxBroker(url, namespace=namespace, lease_ms=lease_ms, max_stalls=20, middleware=middleware)

    def attend(body: object) -> None:
        envelope = Envelope.decode(body)
        texts = answer(Turn(broker, envelope)) or [""]
        for number, text in enumerate(texts, start=1):
            reply = Reply(envelope_id=envelope.id, chat=envelope.chat, text=text, last=number == len(texts))
            broker.enqueue(posted(envelope, reply))

    dramatiq.actor(broker=broker, actor_name="text", queue_name="text", min_backoff=10, max_retries=max_retries)(attend)
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=100)
    if works:
        broker.emit_after("process_boot")
        worker.start()
        eventually(broker.workers)  # a gateway asks which kinds they handle
    try:
        yield broker
    finally:
        if works:
            worker.stop()
        broker.close()


def an_envelope(question: Message, *, number: int | None = None) -> Envelope:
    """Make the envelope that the gateway would make of a text, private or not."""
    peer = question.peer
    kind: Any = {"user": "user", "group": "chat", "channel": "channel"}[peer.kind]
    address = Address(
        kind=kind,
        id=peer.id,
        access_hash=0 if kind == "chat" else access_hash(peer.kind, peer.id),
        message=question.id,
        topic=question.topic,
        quotes=kind != "user",
    )
    return Envelope(
        id=f"tg:1:{peer.id}:{question.id if number is None else number}",
        channel="telegram",
        chat=address.chat,
        user=str(question.sender),
        kind="text",
        text=question.text,
        sent_at_ms=question.date * 1000,
        reply_to=OUTBOX,
        topic=None if question.topic is None else str(question.topic),
        address=address.encode(),
    )


def post(broker: MailboxBroker, envelope: Envelope, *texts: str) -> list[str]:
    """Put replies into the outbox, as the settle of a turn does; returns their ids."""
    ids = []
    for number, text in enumerate(texts, start=1):
        reply = Reply(envelope_id=envelope.id, chat=envelope.chat, text=text, last=number == len(texts))
        ids.append(broker.enqueue(posted(envelope, reply)).message_id)
    return ids


def kept_of_previews(broker: MailboxBroker, dc: DataCentre) -> list[str]:
    """Tell of which turns the ledger has a preview."""
    listed = json.loads(broker.read(f"telegram:{dc.bot.id}:shown") or b"[]")
    return [name for name in listed if broker.read(f"telegram:{dc.bot.id}:shown:{name}") is not None]


def is_named(broker: MailboxBroker, dc: DataCentre) -> bool:
    """Tell whether a gateway has said which process it is: from then on the next one knows what it had in hand."""
    return broker.read(f"telegram:{dc.bot.id}:state") is not None


def without_drafts(dc: DataCentre) -> Fault:
    """Refuse drafts, so that a client that has them edits messages as the others do."""
    return dc.fail(
        "messages.SetTyping", 400, "METHOD_INVALID", times=None, fits=lambda query: hasattr(query.action, "text")
    )


def to_chat(where: User | Chat) -> Callable[[Any], bool]:
    """Tell the calls that go to a chat."""

    def fits(query: Any) -> bool:
        peer = query.peer
        return bool(where.id in {getattr(peer, name, None) for name in ("user_id", "chat_id", "channel_id")})

    return fits


@contextlib.contextmanager
def a_gateway_process(settings: Settings, home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gateway as a process of its own, to be killed."""
    about = child_environment(settings.model_copy(update={"home": home}))
    code = (
        "from okos.settings import load_settings; from okos.telegram.run import run_gateway;"
        "run_gateway(load_settings())"
    )
    child = spawn([sys.executable, "-c", code], output=None, environment=about)
    try:
        yield child
    finally:
        kill(child)


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a process as a crash would."""
    child.kill()
    child.wait(DEADLINE_S)


def free_lease(broker: MailboxBroker, dc: DataCentre) -> None:
    """Let the lease of a gateway that was killed run out, now."""
    name = f"telegram:{dc.bot.id}"
    holder = broker.lease_holder(name)
    if holder is not None:
        broker.release_lease(name, holder)
