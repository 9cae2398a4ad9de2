"""What Okos may do on its server: the least that it works with, as lines of the server's ACL file.

A script is allowed what its caller is, so the commands of `okos/mailbox/lua` are here, too. A test plays every feature
and holds this list against what the server was asked: nothing is missing and nothing is too many. Not allowed are,
among others, CONFIG (it tells and sets passwords), KEYS, FLUSHALL, DEBUG, SHUTDOWN, MONITOR, ACL, and any key or
channel outside the namespace. Of what is outside only the names of keys can be seen, by SCAN.

A password is in such a file as its SHA-256 alone; it has to be long and random, then that tells nobody.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from okos.errors import OkosError

#: A server's user that a connection is until it says another.
DEFAULT = "default"
WATCHER = "watcher"

_CONNECTION = ("hello", "ping", "select")
_SCRIPTS = ("evalsha", "script|load")
_WAITING = ("blpop", "subscribe", "publish")
#: INFO: version, eviction, persistence and memory, for the check at the start and for the figures.
_LOOKING = ("info", "scan", "time")
_KEYS = ("del", "exists", "pexpire", "rename", "unlink")
_STRINGS = ("get", "set")
_HASHES = ("hdel", "hexists", "hget", "hgetall", "hincrby", "hlen", "hmget", "hset", "hvals")
_LISTS = ("lindex", "llen", "lpop", "lpos", "lpush", "lrange", "lrem", "ltrim", "rpush")
_SETS = ("sadd", "scard", "sismember", "smembers", "srem")
_SORTED = (
    *("zadd", "zcard", "zpopmin", "zrange", "zrangebyscore", "zrem"),
    *("zrevrange", "zrevrangebyscore", "zscore", "zunionstore"),
)
#: All of them are in Redis 7.0: a server refuses a file with a name that it does not know.
COMMANDS = (
    *(*_CONNECTION, *_SCRIPTS, *_WAITING, *_LOOKING),
    *(*_KEYS, *_STRINGS, *_HASHES, *_LISTS, *_SETS, *_SORTED),
)
#: For a program that watches the server. SLOWLOG GET is not among them: it shows what users wrote.
WATCHING = ("hello", "ping", "info", "dbsize", "slowlog|len", "latency|latest", "latency|histogram")


class NoUser(OkosError):
    """The address of the server names no user or no password to make an ACL for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who a connection is."""

    user: str
    password: str


def login_of(url: str | None) -> Login:
    """Read user and password from the address of a server.

    Raises:
        NoUser: It has none.
    """
    parts = urlsplit(url or "")
    user, password = unquote(parts.username or DEFAULT), unquote(parts.password or "")
    if not password:
        raise NoUser(
            "set OKOS_REDIS_URL to an address with the user and its password: redis://okos:PASSWORD@HOST:6379/0"
        )
    if not user.isprintable() or " " in user:
        raise NoUser("the user in OKOS_REDIS_URL should be a word")
    return Login(user=user, password=password)


def users_file(url: str | None, *, namespace: str, watcher: str | None = None) -> str:
    """Write the ACL file of a server that Okos has for itself.

    Args:
        url: The address of the server, with user and password.
        namespace: Whose keys and channels the user may use.
        watcher: The password of a user who watches; None: there is none.

    Raises:
        NoUser: The address names no user or no password, or the watcher's is empty.
    """
    login = login_of(url)
    if watcher == "":
        raise NoUser("the file with the watcher's password is empty")
    lines = [] if login.user == DEFAULT else [pinging_user()]
    lines.append(okos_user(login.user, login.password, namespace=namespace))
    if watcher is not None:
        lines.append(watching_user(watcher))
    return "".join(f"{line}\n" for line in lines)


def okos_user(name: str, password: str | None, *, namespace: str, more: Iterable[str] = ()) -> str:
    """Write the line of the user that Okos connects as.

    Args:
        name: The user's.
        password: In clear; None: whoever reaches the server is this user.
        namespace: Whose keys and channels it may use.
        more: Commands beyond those that Okos needs.
    """
    tag = f"{{{namespace}}}:*"
    return _user(name, password, keys=f"~{tag}", channels=f"&{tag}", commands=(*COMMANDS, *more))


def watching_user(password: str) -> str:
    """Write the line of a user who sees how the server is, and nothing of what is in it."""
    return _user(WATCHER, password, keys="", channels="", commands=WATCHING)


def pinging_user() -> str:
    """Write the line of those who have not said who they are: they may ask whether the server answers."""
    return _user(DEFAULT, None, keys="", channels="", commands=("ping",))


def _user(name: str, password: str | None, *, keys: str, channels: str, commands: Iterable[str]) -> str:
    secret = "nopass" if password is None else f"#{hashlib.sha256(password.encode()).hexdigest()}"
    words = ["user", name, "reset", "on", secret, keys, channels, "-@all", *(f"+{command}" for command in commands)]
    return " ".join(word for word in words if word)
