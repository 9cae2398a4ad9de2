"""Ask a server what it is, before anything depends on it."""

import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from okos.errors import OkosError

OLDEST_VERSION = (7, 0)

_ANSWER_S = 3.0
_LOADING_S = 600.0  # reading the log of a large store takes its time; it says LOADING all the while
_PAUSE_S = 0.02


class ServerUnavailable(OkosError):
    """No server answers at the address that was configured, or none can be found or started."""


class ServerTooOld(OkosError):
    """The server is older than what the scripts need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself."""

    name: str
    version: tuple[int, ...]
    pid: int


def check_server(url: str) -> ServerFacts:
    """Ask the server what it is, waiting while it still loads its data.

    Raises:
        ServerUnavailable: Nothing answers there, or not to us.
        ServerTooOld: It is older than 7.0.
    """
    facts = ask_server(url)
    if facts.version < OLDEST_VERSION:
        raise ServerTooOld(
            f"the server at {shown(url)} is {facts.name} {dotted(facts.version)}; Okos needs 7.0 or later:"
            " upgrade it, or unset OKOS_REDIS_URL to use the embedded one"
        )
    return facts


def shown(url: str) -> str:
    """The address as it may be shown: without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":…@", 1)


def ask_server(url: str) -> ServerFacts:
    """Ask INFO, once, with no retry but for LOADING."""
    from redis import Redis  # noqa: PLC0415 - a tenth of a second that most commands need not pay
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import BusyLoadingError, RedisError  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    deadline = time.monotonic() + _LOADING_S
    try:
        with Redis.from_url(
            url,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        ) as client:
            while True:
                try:
                    client.ping()
                    return _facts(client.info())
                except BusyLoadingError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_PAUSE_S)
    except (RedisError, ValueError, OSError) as error:
        reason = str(error).replace(url, shown(url)).splitlines()[0] if str(error) else type(error).__name__
        raise ServerUnavailable(
            f"no server answers at {shown(url)} ({reason}): start it, correct OKOS_REDIS_URL,"
            " or unset it to use the embedded one"
        ) from error


def _facts(info: dict[str, Any]) -> ServerFacts:  # Any: what redis-py makes of each line of INFO
    return ServerFacts(
        name="Valkey" if info.get("server_name") == "valkey" or "valkey_version" in info else "Redis",
        version=parse_version(str(info.get("redis_version", "0"))),
        pid=int(info.get("process_id", 0)),
    )


def parse_version(text: str) -> tuple[int, ...]:
    """Read "7.2.4" as (7, 2, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def dotted(version: tuple[int, ...]) -> str:
    """Write (7, 2, 4) as "7.2.4"."""
    return ".".join(str(part) for part in version)
