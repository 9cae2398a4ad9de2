"""The right to be the gateway of a bot: one process has it, and proves every two seconds that it lives.

    state         event                                            next
    wanted        taken                                            held
    wanted        another's, which died on this machine            held: taken from it
    wanted        another's, and we do not stand by                refused: the start ends with a line
    wanted        another's, and we stand by                       wanted: tried again every second
    held          renewed                                          held
    held          another's                                        lost
    held          no answer                                        doubtful
    doubtful      renewed                                          held
    doubtful      its time is over, and somebody stands by         lost
    doubtful      its time is over, and nobody does                doubtful: while the store is away nobody can take it
    held, doubtful   we stop                                       released

Two processes in one session end it for both, so who may have lost the lease leaves Telegram at once. One that stands by
waits, after the store was away, as long as a lease lasts, even for one that is free: its holder may be alive and could
not say so.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from okos.errors import OkosError
from okos.mailbox import StoreUnavailable
from okos.telegram.store import LEASE_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.telegram.store import GatewayStore

_RENEW_MS = LEASE_MS // 3
_TRY_S = 1.0

_log = structlog.get_logger()


class AnotherGateway(OkosError):
    """Another gateway serves this bot."""


class LeaseTaken(OkosError):
    """Another gateway has taken over while this one ran."""


def owner_name() -> str:
    """Name this process, for whoever asks who has the lease: host, pid, where that pid counts, something of its own."""
    return f"{socket.gethostname()}/{os.getpid()}/{_here()}/{os.urandom(4).hex()}"


def is_dead(owner: str) -> bool:
    """Tell whether who has the lease was a process of this machine that is no more. Others may be alive."""
    _, pid, where, *_ = [*owner.split("/"), "", "", ""]
    if not where or where != _here() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _here() -> str:
    """Name where pids count: this host since it was booted, and this container; empty where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        container = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{socket.gethostname()} {boot} {container}".encode()).hexdigest()[:12]


class Lease:
    """The lease of one bot's gateway, as one process has it.

    Args:
        store: Where it is; it knows who we are.
        now_ms: A clock that never goes back.
    """

    def __init__(self, store: GatewayStore, *, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._sent_ms = 0
        self._others = False
        self._is_ours = self._is_over = False

    async def take(self, *, stands_by: bool) -> None:
        """Take the lease; one that stands by waits until it is free.

        Raises:
            AnotherGateway: It is another's.
            AnotherBot: The namespace is that of another bot, also for one that stands by.
        """
        is_told = was_away = False
        while True:
            try:
                if was_away:
                    # Who had it may be alive and could not renew it: that long also a free lease is left to them.
                    await asyncio.to_thread(self._store.lease_holder)
                    was_away = False
                    await asyncio.sleep(LEASE_MS / 1000)
                self._sent_ms = self._now_ms()
                holder = await asyncio.to_thread(self._taken)
                if holder is None:
                    return
                if is_dead(holder):
                    _log.info("the last gateway died; going on from there", holder=shown(holder))
                    await asyncio.to_thread(self._store.release_lease_of, holder)
                    continue
                if not stands_by:
                    raise AnotherGateway(
                        f"another gateway serves this bot ({shown(holder)}): stop that one,"
                        " or let this one stand by with --standby"
                    )
                await asyncio.to_thread(self._store.stand_by, ttl_ms=LEASE_MS)
                if not is_told:
                    is_told = True
                    _log.info("standing by", holder=shown(holder))
            except StoreUnavailable as error:
                if not was_away:
                    _log.warning("the store is away", reason=str(error))
                was_away = True
                await asyncio.sleep(_TRY_S)
                continue
            await asyncio.sleep(_TRY_S)

    async def keep(self) -> None:
        """Renew the lease for as long as it is ours; never returns.

        Raises:
            LeaseTaken: It is not any more, or may not be.
            AnotherBot: The namespace has become another bot's while the store was away.
        """
        while True:
            await asyncio.sleep(_RENEW_MS / 1000)
            sent_ms = self._now_ms()
            try:
                async with asyncio.timeout(_RENEW_MS / 1000):
                    holder, others = await asyncio.to_thread(self._renewed)
            except (StoreUnavailable, TimeoutError) as error:
                if self._others and self._now_ms() - self._sent_ms >= LEASE_MS - _RENEW_MS:
                    raise LeaseTaken("the store is out of reach, and another gateway stands by to take over") from error
                continue
            if holder is not None:
                raise LeaseTaken(f"another gateway has taken over ({shown(holder)})")
            self._sent_ms, self._others = sent_ms, others

    @property
    def is_sure(self) -> bool:
        """Whether nobody else can have the lease yet."""
        return self._now_ms() - self._sent_ms < LEASE_MS

    async def release(self) -> None:
        """Let another one have it at once, for good; what is still under way to take it changes nothing then."""
        try:
            async with asyncio.timeout(_RENEW_MS / 1000):
                await asyncio.to_thread(self._given_back)
        except (StoreUnavailable, TimeoutError):
            _log.warning("lease not released; it ends by itself", after_ms=LEASE_MS)

    def _renewed(self) -> tuple[str | None, bool]:
        return self._taken(), self._store.is_stood_by()

    def _taken(self) -> str | None:
        holder = self._store.take_lease(ttl_ms=LEASE_MS)
        self._is_ours = holder is None
        if self._is_ours and self._is_over:
            # It was given back while this call was under way, for which nobody waits any more.
            self._store.release_lease()
        return holder

    def _given_back(self) -> None:
        self._is_over = True
        if self._is_ours:
            self._store.release_lease()


def shown(owner: str) -> str:
    """Say who has the lease."""
    host, pid, *_ = [*owner.split("/"), "?"]
    return f"process {pid} on {host}"
