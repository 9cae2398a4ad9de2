"""What is wrong with this installation, and what to do about each thing: `okos doctor`.

Each check is one function that changes nothing and returns what it found. A warning does not keep Okos from
working; a fault does.
"""

import importlib.util
import platform
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from okos.errors import OkosError
from okos.home import prepare_home
from okos.mailbox import MailboxBroker, Severity, StoreUnavailable
from okos.server import check_server, find_binary, live_url, shown
from okos.settings import PREFIX, Model, Settings, did_you_mean, unknown_variables
from okos.up.crew import check_handlers

OLDEST_PYTHON = (3, 11)

_ANSWER_S = 5.0
_HTTP_REFUSED = (401, 403)


class Grade(Enum):
    """How well a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


_GRADES = {Severity.FAULT: Grade.FAULT, Severity.WARNING: Grade.WARNING, Severity.UNSEEN: Grade.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, how it is, and what to do if it is not well."""

    name: str
    grade: Grade
    text: str

    def as_dict(self) -> dict[str, str]:
        """The finding as JSON can hold it."""
        return {"name": self.name, "grade": self.grade.value, "text": self.text}


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at one thing after the other; a finding comes as soon as it is made."""
    yield _python()
    yield _variables()
    yield _home(settings)
    url, findings = _server(settings)
    yield from findings
    yield _workers(settings, url)
    yield _handlers(settings, url)
    yield _model(settings.model)
    yield _telegram()


def _python() -> Finding:
    text = f"Python {platform.python_version()}"
    if sys.version_info >= OLDEST_PYTHON:
        return Finding(name="python", grade=Grade.OK, text=text)
    return Finding(name="python", grade=Grade.FAULT, text=f"{text} is too old: install 3.11, 3.12 or 3.13")


def _variables() -> Finding:
    unknown = unknown_variables()
    if not unknown:
        return Finding(name="settings", grade=Grade.OK, text="every OKOS_… variable is known")
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    said = ", ".join(f"{name}{did_you_mean(name, known)}" for name in unknown)
    return Finding(name="settings", grade=Grade.WARNING, text=f"set, but no setting of Okos: {said}")


def _home(settings: Settings) -> Finding:
    try:
        prepare_home(settings.home)
    except OkosError as error:
        return Finding(name="home", grade=Grade.FAULT, text=str(error))
    return Finding(name="home", grade=Grade.OK, text=f"{settings.home} can be written to")


def _server(settings: Settings) -> tuple[str | None, list[Finding]]:
    """The address to go on with, and what there is to say of it."""
    url = live_url(settings)
    try:
        if url is None:
            text = f"none runs; `okos up` will start {find_binary()}"
            return None, [Finding(name="server", grade=Grade.OK, text=text)]
        facts = check_server(url)
    except OkosError as error:
        return None, [Finding(name="server", grade=Grade.FAULT, text=str(error))]
    version = ".".join(str(part) for part in facts.version)
    findings = [Finding(name="server", grade=Grade.OK, text=f"{facts.name} {version} at {shown(url)}")]
    return url, findings + _fitness(settings, url)


def _fitness(settings: Settings, url: str) -> list[Finding]:
    """What the engine finds about the server."""
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
    try:
        findings = broker.check()
    except StoreUnavailable as error:
        return [Finding(name="server", grade=Grade.FAULT, text=str(error))]
    finally:
        broker.close()
    return [Finding(name=one.name, grade=_GRADES[one.severity], text=one.text) for one in findings]


def _workers(settings: Settings, url: str | None) -> Finding:
    if url is None:
        return Finding(name="workers", grade=Grade.WARNING, text="none is alive: start Okos with `okos up`")
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
    try:
        alive = broker.workers()
    except StoreUnavailable as error:
        return Finding(name="workers", grade=Grade.FAULT, text=str(error))
    finally:
        broker.close()
    if not alive:
        text = "none is alive: start Okos with `okos up`, or `dramatiq okos.actors`"
        return Finding(name="workers", grade=Grade.WARNING, text=text)
    slots = sum(worker.threads for worker in alive)
    return Finding(name="workers", grade=Grade.OK, text=f"{len(alive)} alive, {slots} messages at once")


def _handlers(settings: Settings, url: str | None) -> Finding:
    # Any address will do: nothing is sent.
    known = settings.model_copy(update={"redis_url": url or f"unix://{settings.home}/server.sock"})
    try:
        check_handlers(known)
    except OkosError as error:
        return Finding(name="handlers", grade=Grade.FAULT, text=str(error))
    return Finding(name="handlers", grade=Grade.OK, text=f"the package {settings.handlers} loads")


def _model(model: Model) -> Finding:
    if not model.configured:
        text = "none: the offline responder answers; for a real one set OKOS_MODEL__BASE_URL, OKOS_MODEL__API_KEY"
        return Finding(name="model", grade=Grade.WARNING, text=text)
    key = model.api_key.get_secret_value() if model.api_key is not None else ""
    request = urllib.request.Request(f"{model.url}/models", headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - the address was checked to be http
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S):  # noqa: S310
            return Finding(name="model", grade=Grade.OK, text=f"{model.name} at {shown(model.url)} answers")
    except urllib.error.HTTPError as error:
        if error.code in _HTTP_REFUSED:
            text = f"{shown(model.url)} refuses the key (HTTP {error.code}): correct OKOS_MODEL__API_KEY"
            return Finding(name="model", grade=Grade.FAULT, text=text)
        text = f"{shown(model.url)} answers, but does not list its models (HTTP {error.code})"
        return Finding(name="model", grade=Grade.WARNING, text=text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        text = f"{shown(model.url)} does not answer ({reason}): start it, or correct OKOS_MODEL__BASE_URL"
        return Finding(name="model", grade=Grade.FAULT, text=text)


def _telegram() -> Finding:
    if importlib.util.find_spec("tgcrypto") is None:
        text = "tgcrypto is not installed; it is needed only once Okos connects to Telegram, not yet in this version"
        return Finding(name="telegram", grade=Grade.OK, text=text)
    return Finding(
        name="telegram", grade=Grade.OK, text="tgcrypto is installed; the gateway is not yet in this version"
    )
