"""Ask a server what it is, before anything depends on it."""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.errors import OkosError

if TYPE_CHECKING:
    from redis import Redis

OLDEST_VERSION = (7, 0)

_ANSWER_S = 3.0
_LOADING_S = 600.0  # reading the log of a large store takes its time; it says LOADING all the while
_PAUSE_S = 0.02

# Host, path, query and fragment of any text.
_PARTS = re.compile(r"([^/?#]*)([^?#]*)((?:\?[^#]*)?)((?:#.*)?)", re.DOTALL)


class ServerUnavailable(OkosError):
    """No server answers at the address that was configured, or none can be found or started."""


class ServerTooOld(OkosError):
    """The server is older than what the scripts need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself.

    Attributes:
        name: "Valkey" or "Redis".
        release: Its own version, such as "9.1.2".
        version: The version of Redis that it is compatible with; of a Redis, its own.
    """

    name: str
    release: str
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
            f"the server at {shown(url)} is {facts.name} {facts.release}; Okos needs 7.0 or later:"
            " upgrade it, or unset OKOS_REDIS_URL to use the embedded one"
        )
    return facts


def shown(url: str) -> str:
    """The address as it may be shown: without a password, a value of its query but db, or anything after a #.

    It may be any server's: of the store, the model, the traces. It need not be well-formed.
    """
    scheme, mark, rest = url.partition("://")
    host, path, query, fragment = _PARTS.fullmatch(rest).groups()  # type: ignore[union-attr]  # any text matches
    if not mark or "@" in f"{path}{query}{fragment}":
        # the password may begin before what looks like a path
        return f"{scheme}{mark}…" if mark else "…"
    user, at, host = host.rpartition("@")
    name, colon, _ = user.partition(":")
    values = "&".join(_masked(value) for value in query.split("&"))
    return (
        f"{scheme}{mark}{f'{name}:…@' if colon else '…@' if at else ''}{host}{path}{values}{'#…' if fragment else ''}"
    )


def _masked(value: str) -> str:
    """Mask what a query says behind the name of a value."""
    name, is_named, _ = value.partition("=")
    if not value.strip("?") or re.fullmatch(r"\??db=[0-9]+", value):
        return value
    return f"{name}=…" if is_named else "?…" if value.startswith("?") else "…"


def ask_server(url: str) -> ServerFacts:
    """Ask INFO, once, with no retry but for LOADING."""
    from redis import Redis  # noqa: PLC0415 - a tenth of a second that most commands need not pay
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import BusyLoadingError, RedisError  # noqa: PLC0415
    from redis.maint_notifications import MaintNotificationsConfig  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    deadline = time.monotonic() + _LOADING_S
    try:
        with Redis.from_url(
            url,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
            decode_responses=True,
        ) as client:
            while True:
                try:
                    client.ping()
                    return _facts(_info(client))
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


def _info(client: "Redis") -> dict[str, Any]:  # Any: as below
    """INFO; to a user that may not ask it, what the server said in its greeting."""
    from redis.exceptions import NoPermissionError  # noqa: PLC0415

    try:
        return dict(client.info())
    except NoPermissionError:
        hello = client.execute_command("HELLO")  # type: ignore[no-untyped-call]  # redis-py's
        pairs = hello.items() if isinstance(hello, dict) else zip(hello[::2], hello[1::2], strict=True)
        said = {str(name): value for name, value in pairs}
        return {"server_name": said.get("server"), "redis_version": said.get("version", "0")}


def _facts(info: dict[str, Any]) -> ServerFacts:  # Any: what redis-py makes of each line of INFO
    version = str(info.get("redis_version", "0"))
    return ServerFacts(
        name="Valkey" if info.get("server_name") == "valkey" or "valkey_version" in info else "Redis",
        release=str(info.get("valkey_version", version)),
        version=parse_version(version),
        pid=int(info.get("process_id", 0)),
    )


def parse_version(text: str) -> tuple[int, ...]:
    """Read "7.2.4" as (7, 2, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def dotted(version: tuple[int, ...]) -> str:
    """Write (7, 2, 4) as "7.2.4"."""
    return ".".join(str(part) for part in version)
