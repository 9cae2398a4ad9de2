"""`okos gateway`: a gateway as a process, from its start to its end."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import structlog

from okos.home import prepare_home
from okos.telegram.gateway import Gateway
from okos.telegram.lease import LeaseTaken

if TYPE_CHECKING:
    from okos.settings import Settings

_LOOK_S = 0.5

_log = structlog.get_logger()


def sign_in_anew(settings: Settings) -> str:
    """Sign the bot in, keep its session and leave; returns the bot's name.

    Raises:
        OkosError: It cannot; the message says what to do.
    """
    os.chdir(prepare_home(settings.home))

    async def sign_in() -> str:
        return await Gateway(settings).sign_in()

    return asyncio.run(sign_in())


def run_gateway(settings: Settings, *, stands_by: bool = False) -> None:
    """Serve the bot until SIGINT or SIGTERM, or until the process that started us is gone.

    Raises:
        OkosError: It cannot start, or cannot go on; the message says what to do.
    """
    # The library writes what it does not know into the current directory.
    os.chdir(prepare_home(settings.home))
    while True:
        try:
            asyncio.run(_run(settings, stands_by=stands_by))
        except LeaseTaken as error:
            if not stands_by:
                raise
            _log.warning("standing by again", reason=str(error))
        else:
            return


async def _run(settings: Settings, *, stands_by: bool) -> None:
    gateway = Gateway(settings, stands_by=stands_by)
    loop, parent = asyncio.get_running_loop(), os.getppid()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, gateway.stop)

    async def end_with_parent() -> None:
        while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(_LOOK_S)
        gateway.stop()

    watching = asyncio.create_task(end_with_parent())
    try:
        await gateway.run()
    finally:
        watching.cancel()
