"""The adapter to Redis or Valkey: one method a transition, arguments in, plain values out, errors as ours.

Nothing is repeated blindly here: redis-py's own retries are off, because a script whose reply was lost has run. Publish
is safe to repeat (by id), claim and settle carry a sequence and are repeated by their caller.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    DataError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from okos.mailbox.errors import EngineError, StoreUnavailable, WrongSchema
from okos.mailbox.schema import schema_problem
from okos.mailbox.script import Script, compose

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from okos.mailbox.publication import Publication

#: A server that stalls for some seconds (a fork, a slow disk) is slow, not gone.
SOCKET_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 3.0

TRANSITIONS = (
    "publish",
    "publish_all",
    "claim",
    "settle",
    "exchange",
    "renew",
    "sweep",
    "prune",
    "stats",
    "limit",
    "leave",
    "cancel",
    "cancel_mailbox",
    "replace",
    "hold",
    "lease",
    "take_back",
    "pause",
    "requeue",
    "mailbox",
    "failed",
    "measure",
    "sample",
    "gauges",
    "message",
    "running",
    "delayed",
    "limits",
    "completed",
    "discard",
    "audit",
)

#: Keys deleted in one call when a namespace is emptied.
DELETE_AT_ONCE = 500

Argument = bytes | str | int | float

#: A MovedError is an AskError: the keys are on another node now, and a failover or an operator brings them back.
_PASSING = (AskError, ReadOnlyError, MasterDownError, ClusterDownError, TryAgainError, NoPermissionError, NoScriptError)

#: The same, for states that redis-py has no class for: no replica to write to, no disk, another's script runs too long,
#: a wait that ended because the server became a replica.
_PASSING_CODES = ("NOREPLICAS ", "MISCONF ", "BUSY ", "UNKILLABLE ", "UNBLOCKED ")

#: A connection that hears this is closed: another server may have the address by now, and this one refuses for ever.
_DEMOTED = (ReadOnlyError, MasterDownError)


class ScriptFailed(EngineError):
    """A transition ended with an error of its own; what it had written before that stays."""


def connect(url: str, *, socket_timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
    """Make a client: no retries, no decoding, a pool of its own. Connects at first use.

    It says nothing of itself to the server: that would be up to three commands more for each connection, which a user
    with the least rights may not run.

    Raises:
        ValueError: The URL is not one that redis-py knows.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=socket_timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        # no retry, but what is named here closes the connection
        retry=Retry(NoBackoff(), 0, (redis.ConnectionError, redis.TimeoutError, OSError, *_DEMOTED)),
        retry_on_timeout=False,
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        health_check_interval=0,
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn redis-py's errors into ours."""
    try:
        yield
    except (*_PASSING, OutOfMemoryError) as error:
        raise StoreUnavailable(f"the Redis server takes no writes now: {error}") from error
    except ResponseError as error:
        if _is_passing(error):
            raise StoreUnavailable(f"the Redis server takes no writes now: {error}") from error
        raise ScriptFailed(str(error)) from error
    except (DataError, UnicodeError) as error:
        raise ScriptFailed(f"a value cannot be sent: {error}") from error
    except RedisError as error:
        raise StoreUnavailable(f"the Redis server cannot be reached: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"the Redis server cannot be reached: {error}") from error


def _is_passing(error: Exception) -> bool:
    """Say whether it is the server's state that refuses, and not what was asked."""
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)


def _evalsha(client: redis.Redis, digest: bytes, prefix: str, argv: Sequence[Argument]) -> Any:  # Any: Redis' reply
    try:
        return client.execute_command("EVALSHA", digest, 1, prefix, *argv)  # type: ignore[no-untyped-call]  # redis-py's
    except UnicodeEncodeError:
        # Nothing was sent. A name that is no text (see `reading.kept`) goes back as it came.
        sent = [one.encode("utf-8", "surrogateescape") if isinstance(one, str) else one for one in argv]
        return client.execute_command("EVALSHA", digest, 1, prefix, *sent)  # type: ignore[no-untyped-call]  # as above


class Store:
    """The namespace of one engine on one server.

    Args:
        url: As redis-py reads it: `redis://`, `rediss://` or `unix://`.
        namespace: The hash tag of every key.
        time_piece: For tests: Lua that replaces the reading of the server's clock.
    """

    def __init__(self, url: str, namespace: str, *, time_piece: str | None = None) -> None:
        self.url = url
        self.prefix = f"{{{namespace}}}:"
        self.client = connect(url)
        self._scripts: dict[str, Script] = {name: compose(name, time_piece=time_piece) for name in TRANSITIONS}
        self._knows_schema = False

    def another_connection(self, *, socket_timeout_s: float = SOCKET_TIMEOUT_S) -> redis.Redis:
        """Make a client for one thread that must not wait for the others."""
        return connect(self.url, socket_timeout_s=socket_timeout_s)

    def require_schema(self, *, client: redis.Redis | None = None) -> None:
        """Look whether this release may touch what is stored; once, for a store that it may.

        Raises:
            WrongSchema: It must not; this is asked again the next time.
            StoreUnavailable: No answer.
        """
        if self._knows_schema:
            return
        if problem := self.schema_problem(client=client):
            raise WrongSchema(problem)
        self._knows_schema = True

    def schema_problem(self, *, client: redis.Redis | None = None) -> str:
        """Say why this release must not touch what is stored; empty if it may."""
        return schema_problem(self.stored_schema(client=client), self.prefix[1:-2])

    def stored_schema(self, *, client: redis.Redis | None = None) -> bytes | None:
        """Read the number of the form of what is stored; None where there is none."""
        with translated():
            return cast("bytes | None", (client or self.client).hget(self.key("engine"), "schema"))

    def call(self, name: str, *argv: Argument, client: redis.Redis | None = None) -> Any:  # Any: Redis' reply
        """Run one transition.

        Raises:
            StoreUnavailable: No reply; the transition may have run.
            WrongSchema: What is stored is not for this release; nothing has run.
            ScriptFailed: The transition refused or failed.
        """
        return self.exchange([(name, argv)], client=client)[0]

    def exchange(
        self, calls: Sequence[tuple[str, Sequence[Argument]]], *, client: redis.Redis | None = None
    ) -> list[Any]:  # Any: Redis' replies
        """Run transitions one after the other in one round trip.

        Returns their replies; with several calls, the ScriptFailed of one that failed stands in its place.

        Raises:
            StoreUnavailable: Not all replies came; any of them may have run.
            ScriptFailed: The only call failed.
        """
        used = client or self.client
        self.require_schema(client=used)
        with translated():
            try:
                return self._round_trip(used, calls)
            except NoScriptError:
                # forgotten once more before they are used: the caller tries again, as after any passing trouble
                for script in self._scripts.values():
                    used.script_load(script.source.decode())
                return self._round_trip(used, calls)

    def _round_trip(self, client: redis.Redis, calls: Sequence[tuple[str, Sequence[Argument]]]) -> list[Any]:
        if len(calls) == 1:
            name, argv = calls[0]
            return [_evalsha(client, self._scripts[name].digest, self.prefix, argv)]
        pipeline = client.pipeline(transaction=False)
        for name, argv in calls:
            _evalsha(pipeline, self._scripts[name].digest, self.prefix, argv)
        replies = pipeline.execute(raise_on_error=False)
        for number, reply in enumerate(replies):
            # A script that ran before the server forgot the scripts has its sequence: repeating the round trip is safe.
            if isinstance(reply, _DEMOTED):
                client.connection_pool.disconnect(inuse_connections=False)
            if isinstance(reply, ResponseError) and _is_passing(reply):
                raise reply
            if isinstance(reply, ResponseError):
                replies[number] = ScriptFailed(str(reply))
            elif isinstance(reply, Exception):
                raise reply
        return replies

    def publish(self, publication: Publication) -> tuple[str, str]:
        """Put a message in; returns 'new', 'seen' or 'full', and the id that stands for it.

        A connection that broke is tried once more: the server was restarted, and the pool did not know yet.

        Raises:
            StoreUnavailable: No answer, and the message may have been accepted; or the server's memory is full.
        """
        argv = publication.argv()
        try:
            try:
                reply = self.call("publish", *argv)
            except StoreUnavailable as error:
                if isinstance(error.__cause__, redis.exceptions.TimeoutError):
                    raise
                reply = self.call("publish", *argv)
        except ScriptFailed as error:
            raise StoreUnavailable(f"the Redis server refused message {publication.id}: {error}") from error
        outcome, accepted_id = reply
        return outcome.decode(), accepted_id.decode()

    def publish_all(
        self, publications: Sequence[Publication], *, progress: Mapping[str, bytes], lease: tuple[str, str] | None
    ) -> list[str] | None:
        """Put messages in and write how far their sender has come, all or nothing.

        Returns what became of each: 'new', 'seen', 'full' or 'merged'; None when the lease is another's.

        Raises:
            StoreUnavailable: No answer, and all of it may be there; or the server's memory is full.
        """
        argv: list[Argument] = [*(lease or ("", "")), len(progress)]
        for field, value in progress.items():
            argv += [field, value]
        argv.append(len(publications))
        for publication in publications:
            argv += publication.argv()
        try:
            reply = self.call("publish_all", *argv)
        except ScriptFailed as error:
            raise StoreUnavailable(f"the Redis server refused {len(publications)} messages: {error}") from error
        return None if reply == 0 else [outcome.decode() for outcome in reply[::2]]

    def is_accepted(self, dedup_id: str) -> bool:
        """Tell whether a message with this dedup id was accepted and is remembered."""
        with translated():
            return self.client.get(self.key(f"dedup:{dedup_id}")) is not None

    def ping(self) -> None:
        """Ask for an answer; raises StoreUnavailable when there is none."""
        with translated():
            self.client.ping()

    def delete_all(self) -> None:
        """Delete every key of the namespace."""
        pattern = self.prefix.translate({ord(c): f"\\{c}" for c in "*?[]^\\"}) + "*"
        with translated():
            keys: list[bytes] = []
            for key in self.client.scan_iter(match=pattern, count=DELETE_AT_ONCE):
                keys.append(key)
                if len(keys) == DELETE_AT_ONCE:
                    self.client.unlink(*keys)
                    keys.clear()
            if keys:
                self.client.unlink(*keys)

    def listen(self, client: redis.Redis, queues: Sequence[str], timeout_s: float) -> bytes | None:
        """Wait for the bell of any of the queues; None when it did not ring. The client's timeout must be longer."""
        with translated():
            rung = client.blpop([f"{self.prefix}bell:{queue}" for queue in queues], timeout=timeout_s)
        return None if rung is None else cast("bytes", rung[0])

    def ring(self, bell: bytes) -> None:
        """Give a bell back that was heard by somebody who cannot answer it."""
        with translated():
            pipeline = self.client.pipeline(transaction=False)
            pipeline.lpush(bell, b"1")
            pipeline.ltrim(bell, 0, 0)
            pipeline.pexpire(bell, 15_000)
            pipeline.execute()

    def dead_letters(
        self, *, since_ms: int | None, until_ms: int | None, offset: int, count: int
    ) -> list[list[Any]]:  # Any: Redis' reply
        """Return a page of dead letters, the newest first, each as `failed.lua` shows it."""
        newest = "+inf" if until_ms is None else f"({until_ms}"
        oldest = "-inf" if since_ms is None else since_ms
        letters: list[list[Any]] = self.call("failed", newest, oldest, offset, count)
        return letters

    def key(self, name: str) -> str:
        """Name a key of this namespace."""
        return self.prefix + name

    def close(self) -> None:
        """Close the shared pool."""
        self.client.close()
