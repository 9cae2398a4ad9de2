"""The process of the web: its socket, its server, its end.

It needs the store's address and a token; everything else it reads when somebody looks. A store that is away makes pages
that say so, and no crash.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import structlog
import uvicorn

from okos.errors import OkosError
from okos.home import prepare_home, write_private
from okos.mailbox import MailboxBroker
from okos.operate.overview import Watch
from okos.server import live_url
from okos.web.access import Keyring, Role
from okos.web.app import build_app
from okos.web.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from okos.settings import Settings, Web

TOKEN_FILE = "web.token"  # noqa: S105 - a name, not a token

#: Connections and requests at once, streams included; what comes then is told to come later.
MOST_AT_ONCE = 500

_TRY_S = 1.0
_LOOK_S = 0.5
_GRACE_S = 2
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared, not bound

_log = structlog.get_logger()


class PortTaken(OkosError):
    """Somebody else listens where the web should."""


class CannotListen(OkosError):
    """The web cannot listen where it should."""


class NoServer(OkosError):
    """There is no store to look at."""


def run_web(settings: Settings, *, stdout: TextIO, waits: bool = False) -> None:
    """Serve the web until SIGINT or SIGTERM, or until the process that started us is gone.

    Args:
        settings: Those of this machine.
        stdout: Is told the address, once, with the token if Okos made it.
        waits: Whether to wait for a port that is taken, said once, instead of ending.

    Raises:
        PortTaken: The port is somebody else's, and we do not wait.
        CannotListen: The address is not this machine's, or not ours to use.
        NoServer: None is configured, and none runs in OKOS_HOME.
        HomeUnusable: A token has to be made, and OKOS_HOME cannot keep it.
        WrongSchema: Another release has stored what is there.
    """
    url = live_url(settings)
    if url is None:
        raise NoServer(f"no server runs in {settings.home}: start `okos up`, or set OKOS_REDIS_URL")
    settings = settings.model_copy(update={"redis_url": url})
    token = operator_token(settings)
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[], client=True)
    broker.require_schema()
    with _listen(settings.web, waits=waits) as listener:
        print(f"The dashboard is at {address(settings.web, listener, token)}", file=stdout, flush=True)
        site = Site(settings=settings, broker=broker, keyring=keyring(settings, token), watch=Watch(broker))
        try:
            asyncio.run(_serve(site, listener))
        finally:
            broker.close()


def keyring(settings: Settings, token: str) -> Keyring:
    """Gather the tokens: the operator's, and the viewer's if there is one."""
    viewer = settings.web.viewer_token
    tokens = {Role.OPERATOR: token}
    return Keyring(tokens if viewer is None else tokens | {Role.VIEWER: viewer.get_secret_value()})


def operator_token(settings: Settings) -> str:
    """Give the operator's token: the setting, else the one in OKOS_HOME, made when there is none.

    Raises:
        HomeUnusable: It has to be made, and cannot be kept.
    """
    if settings.web.operator_token is not None:
        return settings.web.operator_token.get_secret_value()
    return kept_token(prepare_home(settings.home) / TOKEN_FILE)


def kept_token(path: Path) -> str:
    """Read the token that is kept here; make one first if there is none. Two who make one agree on it."""
    draft = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        if not path.exists():
            write_private(draft, secrets.token_urlsafe(24))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # another process was quicker
            finally:
                draft.unlink()
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise CannotListen(f"the token of the web cannot be kept in {path}: {error}") from error
    if not token:
        raise CannotListen(f"{path} is empty: delete it, and start again")
    return token


def address(web: Web, listener: socket.socket, token: str) -> str:
    """Write where the web is: with the token only if Okos made it, after a # that a browser does not send."""
    port = listener.getsockname()[1]
    host = _ANYWHERE.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)
    return f"http://{host}:{port}/" + ("" if web.operator_token is not None else f"login#{token}")


def _listen(web: Web, *, waits: bool) -> socket.socket:
    told = False
    while True:
        try:
            return listen(web.host, web.port)
        except PortTaken as error:
            if not waits:
                raise
            if not told:
                _log.warning("the web waits: its port is taken", reason=str(error))
                told = True
        time.sleep(_TRY_S)


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Raises:
        PortTaken: Somebody else has it.
        CannotListen: The address is not this machine's, or not ours to use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} of {host} is taken; set OKOS_WEB__PORT to another, or OKOS_WEB__ENABLED=false"
            ) from error
        raise CannotListen(
            f"cannot listen on {host} port {port}: {error.strerror or error}; set OKOS_WEB__HOST"
        ) from error


class _Server(uvicorn.Server):
    """Uvicorn's server, but for the signals: it would end by them, and a stop that was asked for is no failure."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end the serving, and nothing else."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signum, self.handle_exit, signum, None)
        yield


async def _serve(site: Site, listener: socket.socket) -> None:
    server = _Server(
        uvicorn.Config(
            build_app(site),
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            limit_concurrency=MOST_AT_ONCE,
        )
    )
    parent = os.getppid()

    async def watch() -> None:
        while not server.should_exit:
            await asyncio.sleep(_LOOK_S)
            server.should_exit |= os.getppid() != parent

    watching = asyncio.create_task(watch())
    await server.serve(sockets=[listener])
    watching.cancel()
