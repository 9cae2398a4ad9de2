"""Whether a server is fit to keep messages: version, eviction, persistence, replication, cluster, clock, schema.

`examine` asks, changes nothing, and returns only what is not well or could not be seen. What a server hides (managed
ones often refuse CONFIG) is said to be unseen, not taken for well. Only a version that is too old and data of another
schema make work impossible; the rest is for whoever operates it to weigh.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from redis.exceptions import MovedError, ResponseError

from okos.mailbox.errors import StoreTooOld, WrongSchema
from okos.mailbox.store import translated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from okos.mailbox.store import Store

OLDEST_VERSION = (7, 0)
#: All instants are the server's; people and `failed(since_ms=…)` compare them with other clocks.
MOST_SKEW_MS = 5_000
#: Beyond this share of maxmemory there is soon no room for what is published.
FULL_PERCENT = 90

Facts = dict[str, Any]  # Any: what redis-py makes of each line of INFO


class Severity(Enum):
    """How much it matters: messages get lost or nothing works; it may hurt one day; it could not be seen."""

    FAULT = "fault"
    WARNING = "warning"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is not well with a server, in one sentence that says what to do."""

    name: str
    severity: Severity
    text: str


def examine(store: Store) -> list[Finding]:
    """Ask the server about itself and judge the answers.

    Raises:
        StoreUnavailable: It does not answer.
    """
    facts = _ask(store, "INFO")
    asked_at_ms = time.time_ns() // 1_000_000
    if facts is None:
        text = "the server does not let this user run INFO, so neither its version nor its persistence could be checked"
        return [Finding(name="server", severity=Severity.UNSEEN, text=text), *_schema(store)]
    settings = _ask(store, "CONFIG") if facts.get("aof_enabled") else {}
    findings = judge(facts, settings, now_ms=asked_at_ms) + _slot(store, facts)
    if _version(facts) or any(finding.name == "cluster" for finding in findings):
        return findings  # what is stored cannot be asked for here
    return findings + _schema(store)


def judge(facts: Mapping[str, Any], settings: Mapping[str, Any] | None, *, now_ms: int) -> list[Finding]:
    """Judge what a server says of itself.

    Args:
        facts: INFO.
        settings: CONFIG GET, as far as it matters; None when it is refused.
        now_ms: When INFO was asked, by the clock of this machine.
    """
    findings = [*_version(facts), *_role(facts), *_eviction(facts), *_persistence(facts, settings)]
    return findings + _clock(facts, now_ms)


def require_usable(findings: Sequence[Finding]) -> None:
    """Refuse a server on which no script can run, and one whose data no script of this release may touch.

    Raises:
        StoreTooOld: It is older than 7.0.
        WrongSchema: What it holds was stored by a release that stores it in another form.
    """
    for finding in findings:
        if finding.name == "version":
            raise StoreTooOld(finding.text)
        if finding.name == "schema":
            raise WrongSchema(finding.text)


def _ask(store: Store, what: str) -> Facts | None:
    """Ask INFO or CONFIG; None when the server forbids it."""
    with translated():
        try:
            if what == "INFO":
                return dict(store.client.info())
            return cast("Facts", store.client.config_get("appendfsync"))
        except ResponseError:  # also of an ACL: NOPERM is one
            return None


def _version(facts: Mapping[str, Any]) -> list[Finding]:
    said = str(facts.get("redis_version", "0"))
    version = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if version >= OLDEST_VERSION:
        return []
    text = f"the server speaks as Redis {said}, and the scripts need 7.0 or later: upgrade it"
    return [Finding(name="version", severity=Severity.FAULT, text=text)]


def _role(facts: Mapping[str, Any]) -> list[Finding]:
    if facts.get("role", "master") != "master":
        primary = f"{facts.get('master_host')}:{facts.get('master_port')}"
        text = f"it is a replica, which takes no writes: use the address of its primary ({primary})"
        return [Finding(name="replica", severity=Severity.FAULT, text=text)]
    return []


def _eviction(facts: Mapping[str, Any]) -> list[Finding]:
    policy, most = str(facts.get("maxmemory_policy", "noeviction")), int(facts.get("maxmemory", 0))
    if policy != "noeviction":
        when = "may evict messages" if most else "would evict messages as soon as maxmemory is set"
        text = f"it {when} (maxmemory-policy {policy}): set it to noeviction"
        return [Finding(name="eviction", severity=Severity.FAULT if most else Severity.WARNING, text=text)]
    used = int(facts.get("used_memory", 0))
    if most and used * 100 >= most * FULL_PERCENT:
        share = "all" if used >= most else f"{used * 100 // most} %"
        text = f"{share} of its maxmemory is used, and a full server takes no message: give it more"
        return [Finding(name="memory", severity=Severity.WARNING, text=text)]
    return []


def _persistence(facts: Mapping[str, Any], settings: Mapping[str, Any] | None) -> list[Finding]:
    name = "persistence"
    if "aof_enabled" not in facts:
        text = "it does not say whether it keeps an append-only file, so it may forget messages when it restarts"
        return [Finding(name=name, severity=Severity.UNSEEN, text=text)]
    for field in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if facts.get(field, "ok") != "ok":
            text = f"it cannot write to its disk ({field} {facts[field]}): look at its log"
            return [Finding(name=name, severity=Severity.FAULT, text=text)]
    if not int(facts["aof_enabled"]):
        text = "it forgets messages when it restarts: set appendonly yes, appendfsync everysec"
        return [Finding(name=name, severity=Severity.WARNING, text=text)]
    if settings is None:
        text = (
            "it does not let this user run CONFIG GET, so how often its append-only file is synced could not be"
            " checked: see to appendfsync everysec, or add +config|get to the user"
        )
        return [Finding(name=name, severity=Severity.UNSEEN, text=text)]
    if settings.get("appendfsync", "everysec") == "no":
        text = "half a minute of messages may be lost when its machine fails (appendfsync no): set it to everysec"
        return [Finding(name=name, severity=Severity.WARNING, text=text)]
    return []


def _clock(facts: Mapping[str, Any], now_ms: int) -> list[Finding]:
    if "server_time_usec" not in facts:
        return []
    skew_ms = int(facts["server_time_usec"]) // 1000 - now_ms
    if abs(skew_ms) <= MOST_SKEW_MS:
        return []
    side = "ahead of" if skew_ms > 0 else "behind"
    text = f"its clock is {abs(skew_ms) / 1000:.0f} s {side} this machine's: set both by NTP"
    return [Finding(name="clock", severity=Severity.WARNING, text=text)]


def _schema(store: Store) -> list[Finding]:
    """Whether this release may touch what is stored."""
    text = store.schema_problem()
    return [Finding(name="schema", severity=Severity.FAULT, text=text)] if text else []


def _slot(store: Store, facts: Mapping[str, Any]) -> list[Finding]:
    """In a cluster, whether this node is the one that holds the namespace."""
    if not int(facts.get("cluster_enabled", 0)):
        return []
    with translated():
        try:
            store.client.exists(store.key("engine"))
        except MovedError as moved:
            text = (
                f"it is a node of a cluster, and this namespace is on another: use {moved.host}:{moved.port} in the URL"
            )
            return [Finding(name="cluster", severity=Severity.FAULT, text=text)]
        except ResponseError as error:
            text = f"it is a node of a cluster that does not serve this namespace ({error}): mend the cluster"
            return [Finding(name="cluster", severity=Severity.FAULT, text=text)]
    return []
