"""An Okos with real workers, a model, users who write, and its web: what the tests of the web look at."""

from __future__ import annotations

import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from real_server import DEADLINE_S, eventually
from talking_model import TalkingModel, a_model

from okos.local.channel import Delivered, LocalChannel
from okos.local.question import Question
from okos.mailbox import MailboxBroker
from okos.private import private_okos
from okos.settings import Model, Settings, Web, child_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[2]
OPERATOR, VIEWER = "operator-of-the-tests", "viewer-of-the-tests"


@dataclass
class System:
    """A running Okos and what can be done to it."""

    settings: Settings
    model: TalkingModel
    broker: MailboxBroker
    channel: LocalChannel
    replies: list[Delivered]
    url: str = ""
    sent: list[str] = field(default_factory=list)

    def say(self, user: str, *texts: str) -> list[str]:
        """Send messages as a user; returns their ids."""
        ids = []
        for text in texts:
            question = Question(text=text)
            envelope = self.channel.envelope(question, user=user)
            self.channel.send(envelope, question)
            ids.append(envelope.id)
        self.sent += ids
        return ids

    def is_answered(self, *ids: str) -> bool:
        """Tell whether these have had their last reply."""
        return set(ids) <= {one.reply.envelope_id for one in self.replies if one.reply.last}


@contextmanager
def a_system(*, workers: int = 1, threads: int = 8, **given: Any) -> Iterator[System]:  # Any: settings
    """Run an Okos with a model, and its web, for the length of a block."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="okos-web-", dir="/tmp"))) / "home"
        model = stack.enter_context(a_model())
        settings = Settings(
            model=Model(base_url=model.url, name="llama-3.3-70b"),
            web=Web(port=0, operator_token=OPERATOR, viewer_token=VIEWER),  # type: ignore[arg-type]  # pydantic takes a str
            **{"min_backoff_ms": 50, "max_backoff_ms": 60_000, "retry_attempts": 1, "lease_ms": 10_000} | given,
        )
        okos = stack.enter_context(
            private_okos(
                home, settings=settings, workers=workers, threads=threads, scheduler=True, directory=REPOSITORY
            )
        )
        okos.wait_ready()
        broker = MailboxBroker(okos.url, namespace=okos.settings.namespace, middleware=[], client=True)
        stack.callback(broker.close)
        replies: list[Delivered] = []
        channel = stack.enter_context(LocalChannel(okos.settings, on_reply=replies.append))
        system = System(settings=okos.settings, model=model, broker=broker, channel=channel, replies=replies)
        system.url = stack.enter_context(the_web(okos.settings))
        yield system


@contextmanager
def the_web(settings: Settings) -> Iterator[str]:
    """Run `okos web`; gives its address."""
    log = settings.home / f"web-{secrets.token_hex(4)}.log"
    with log.open("wb") as output:
        web = subprocess.Popen(
            [sys.executable, "-m", "okos", "web"],
            env=child_environment(settings) | {"PYTHONUNBUFFERED": "1"},
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: web.poll() is not None or "The dashboard is at " in log.read_text())
        assert web.poll() is None, log.read_text()
        said = log.read_text().split("The dashboard is at ")[1].split()[0]
        yield f"http://{urlsplit(said).netloc}"
    finally:
        web.terminate()
        try:
            assert web.wait(DEADLINE_S) == 0
        finally:
            web.kill()
            print(log.read_text())  # noqa: T201 - pytest shows it when a test fails


def chromium() -> str | None:
    """Find Debian's Chromium; None if it is not there."""
    return "/usr/bin/chromium" if Path("/usr/bin/chromium").is_file() else None
