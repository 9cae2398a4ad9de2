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
from http.client import HTTPException

from okos.errors import OkosError
from okos.home import is_open_to_others, prepare_home
from okos.mailbox import MailboxBroker, Severity, StoreUnavailable
from okos.server import check_server, find_binary, live_url, shown
from okos.settings import PREFIX, Model, Settings, did_you_mean, unknown_variables
from okos.telegram.credentials import Credentials
from okos.telegram.key import read_key
from okos.telegram.lease import shown as shown_holder
from okos.telegram.probe import MOST_SECONDS_OFF, TELEGRAM, look_at
from okos.telegram.store import GatewayStore
from okos.up.crew import check_handlers

OLDEST_PYTHON = (3, 11)

_ANSWER_S = 5.0
_HTTP_REFUSED = (401, 403)
#: Findings of the server that tell of the schema, or with which it cannot be read.
_SCHEMA_UNKNOWN = frozenset({"schema", "version", "cluster"})


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
    yield from _workers(settings, url)
    yield _handlers(settings, url)
    yield _model(settings.model)
    yield from _telegram(settings, url)


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
    if is_open_to_others(settings.home):
        text = f"others may look into {settings.home}: chmod 700 it"
        return Finding(name="home", grade=Grade.WARNING, text=text)
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
    findings = [Finding(name="server", grade=Grade.OK, text=f"{facts.name} {facts.release} at {shown(url)}")]
    return url, findings + _fitness(settings, url)


def _fitness(settings: Settings, url: str) -> list[Finding]:
    """What the engine finds about the server."""
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
    try:
        findings = broker.check()
        found = [Finding(name=one.name, grade=_GRADES[one.severity], text=one.text) for one in findings]
        if not _SCHEMA_UNKNOWN.intersection(one.name for one in findings):
            text = f"{broker.schema() or 'none yet'}, of what is stored in the namespace {settings.namespace}"
            found.append(Finding(name="schema", grade=Grade.OK, text=text))
    except StoreUnavailable as error:
        return [Finding(name="server", grade=Grade.FAULT, text=str(error))]
    finally:
        broker.close()
    return found


def _workers(settings: Settings, url: str | None) -> list[Finding]:
    """Who would handle a message, and whether they may."""
    if url is None:
        return [Finding(name="workers", grade=Grade.WARNING, text="none is alive: start Okos with `okos up`")]
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[])
    try:
        gauges = broker.gauges()
    except StoreUnavailable as error:
        return [Finding(name="workers", grade=Grade.FAULT, text=str(error))]
    finally:
        broker.close()
    slots = sum(worker.threads for worker in gauges.workers)
    found = Finding(name="workers", grade=Grade.OK, text=f"{len(gauges.workers)} alive, {slots} messages at once")
    if not gauges.workers:
        text = "none is alive: start Okos with `okos up`, or `dramatiq okos.actors`"
        found = Finding(name="workers", grade=Grade.WARNING, text=text)
    if not gauges.paused:
        return [found]
    text = "everything is paused, so nothing starts: `okos audit` says who did it, `okos resume` ends it"
    return [found, Finding(name="pause", grade=Grade.WARNING, text=text)]


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
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        text = f"{shown(model.url)} does not answer ({reason}): start it, or correct OKOS_MODEL__BASE_URL"
        return Finding(name="model", grade=Grade.FAULT, text=text)


def _telegram(settings: Settings, url: str | None) -> list[Finding]:
    """The bot: its settings, who may use it, its session, the way to Telegram and the clock."""
    if settings.telegram.bot_token is None:
        text = "no bot: to connect one set OKOS_TELEGRAM__BOT_TOKEN, …__API_ID and …__API_HASH; see docs/telegram.md"
        return [Finding(name="telegram", grade=Grade.OK, text=text)]
    try:
        credentials = Credentials.of(settings)
    except OkosError as error:
        return [Finding(name="telegram", grade=Grade.FAULT, text=str(error))]
    findings = [Finding(name="telegram", grade=Grade.OK, text=f"bot {credentials.bot_id}, its token looks right")]
    if not settings.access.users:
        text = "everybody may talk to the bot: to name who may, set OKOS_ACCESS__USERS=7,8 to the numbers of the users"
        findings.append(Finding(name="access", grade=Grade.WARNING, text=text))
    if importlib.util.find_spec("tgcrypto") is None:
        text = "tgcrypto is not installed: Telegram will be ten times slower; pip install tgcrypto"
        findings.append(Finding(name="telegram", grade=Grade.WARNING, text=text))
    if url is not None:
        findings.append(_session(settings, url, credentials))
    findings.append(_data_centre(settings))
    return findings


def _session(settings: Settings, url: str, credentials: Credentials) -> Finding:
    """The bot's session, and whether a gateway is in it."""
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[], client=True)
    store = GatewayStore(broker, credentials.bot_id, owner="doctor")
    try:
        session, refused, wait, state = (store.read(name) for name in ("session", "refused", "wait", "state"))
        holder = store.lease_holder()
    except StoreUnavailable as error:
        return Finding(name="session", grade=Grade.FAULT, text=str(error))
    finally:
        broker.close()
    asked = credentials.fingerprint(None if session is None else str(session["session"]))
    if refused is not None and refused["of"] == asked:
        return Finding(name="session", grade=Grade.FAULT, text=f"{refused['line']} ({refused['at']})")
    if wait is not None and session is None:
        to_do = "no gateway runs: okos up" if holder is None else "the gateway waits for that"
        return Finding(name="session", grade=Grade.WARNING, text=f"{wait['line']}; {to_do}")
    if holder is not None and state is None:
        text = f"{shown_holder(holder)} is the gateway, and is not connected yet: its log says why"
        return Finding(name="session", grade=Grade.WARNING, text=text)
    if holder is not None and state is not None:
        online = "is connected" if state["online"] else "has no line to Telegram at the moment"
        grade = Grade.OK if state["online"] and not state["full"] else Grade.WARNING
        text = f"the gateway of @{state['bot']} (pid {state['pid']}) {online}; {state['buffered']} updates wait"
        return Finding(name="session", grade=grade, text=text)
    known = "signed in" if session is not None else "not signed in yet: the first start does that"
    return Finding(name="session", grade=Grade.WARNING, text=f"{known}; no gateway runs: okos up, or okos gateway")


def _data_centre(settings: Settings) -> Finding:
    """The way to Telegram, its key, and the clock: Telegram ignores who is half a minute off."""
    address, key_path = settings.telegram.dc_host_port, settings.telegram.dc_public_key
    shown_address = "{}:{}".format(*(address or TELEGRAM))
    try:
        key = None if key_path is None else read_key(key_path)
        seen = look_at(address)
    except OkosError as error:
        return Finding(name="data centre", grade=Grade.FAULT, text=f"{error}; correct OKOS_TELEGRAM__DC_PUBLIC_KEY")
    except OSError as error:
        to_do = "is there a network, and does a firewall let it through?"
        if address is not None:
            to_do = "does it run, and is OKOS_TELEGRAM__DC_ADDRESS right?"
        text = f"no data centre at {shown_address} ({error}): {to_do}"
        return Finding(name="data centre", grade=Grade.FAULT, text=text)
    if key is not None and key.fingerprint not in seen.keys:
        text = f"the data centre at {shown_address} has another key than the one in {key_path}: take its own"
        return Finding(name="data centre", grade=Grade.FAULT, text=text)
    if abs(seen.off_s) > MOST_SECONDS_OFF:
        off = f"{seen.off_s:+.0f} s off Telegram's"
        text = f"the clock of this machine is {off}, which ignores us then: set it, or run NTP"
        return Finding(name="clock", grade=Grade.FAULT, text=text)
    return Finding(name="data centre", grade=Grade.OK, text=f"{shown_address} answers, and the clock is right")
