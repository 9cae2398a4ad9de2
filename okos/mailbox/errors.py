"""What the engine raises, each also an error of Dramatiq's, so that code written for Dramatiq handles it."""

from __future__ import annotations

from dramatiq.errors import BrokerError, ConnectionClosed, ConnectionFailed
from dramatiq.middleware import MiddlewareError

from okos.errors import OkosError


class EngineError(OkosError):
    """The root of the engine's own errors."""

    def __init__(self, message: str) -> None:
        # Dramatiq's errors keep their text in `message` and are untyped.
        Exception.__init__(self, message)
        self.message = message


class StoreUnavailable(EngineError, ConnectionClosed):
    """Redis could not be reached or did not answer in time.

    A publish that raises this may still have been accepted: send the same message (the same id) again, and it is
    accepted once.
    """


class StoreTooOld(EngineError, MiddlewareError, ConnectionFailed):
    """The server is older than 7.0: no script runs there. A worker that meets it does not start."""


class RunsCode(EngineError, MiddlewareError):
    """Messages would be unpickled: whoever can write to the server could run code in every worker. None starts so."""


class WrongSchema(StoreUnavailable, MiddlewareError):
    """What is stored was written by a release that stores it in another form, and nothing of it was touched.

    A worker that meets it does not start. One that runs already (the server was away when it started) waits.
    """


class MailboxFull(EngineError, BrokerError):
    """The mailbox already holds as many messages as `max_backlog` allows; nothing was stored."""


class BadMessage(EngineError, BrokerError):
    """The message or an effect breaks a limit of the engine; nothing was stored."""


class RunOver(EngineError, BrokerError):
    """The handler went on after its attempt had been given up; what it sends counts no more, and nothing was stored."""


class LeaseLost(EngineError):
    """What only the holder of a lease may do was asked by another; nothing was stored."""
