"""One message of a mailbox at a time: the window's size, and the fence in front of the actor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dramatiq.middleware import Middleware, SkipMessage

from okos.mailbox.decision import Release
from okos.mailbox.delivery import Delivery
from okos.mailbox.policy import WindowPolicy, wrong_limit

if TYPE_CHECKING:
    from dramatiq import Broker
    from dramatiq.broker import MessageProxy


class LeaseGone(SkipMessage):
    """The message may have been given to another process: it must not start here."""


class UserMutex(Middleware):
    """Keeps at most `max_jobs_per_user` messages of a mailbox between their first start and their end.

    The server keeps the window; here is a first look before other hooks work for nothing: the token is still held and
    its lease has not run out. The engine looks again when the actor starts, and the one that counts is in the settle.

    Args:
        max_jobs_per_user: 1 means strict order: a message starts only when the one before it has ended for good. At
            most 1,000.

    Raises:
        ValueError: It is out of these bounds, which are those of the setting (`okos.mailbox.policy.LIMITS`).
    """

    def __init__(self, *, max_jobs_per_user: int = 1) -> None:
        if wrong_limit("max_jobs_per_user", max_jobs_per_user):
            raise ValueError(f"max_jobs_per_user must be a whole number from 1 to 1,000, not {max_jobs_per_user!r}")
        self.policy = WindowPolicy(max_jobs_per_user=max_jobs_per_user)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Refuse to start what this process may no longer own; it goes back if it still does."""
        del broker
        if isinstance(message, Delivery) and not message.holds():
            message.decision = Release(started=False)
            raise LeaseGone(f"message {message.message_id} is not this process's any more")
