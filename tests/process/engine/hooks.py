"""Middlewares of a project that do not come back when they should."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from dramatiq.middleware import Middleware

from okos.mailbox.delivery import Delivery

if TYPE_CHECKING:
    from dramatiq import Broker
    from dramatiq.broker import MessageProxy

#: Nothing of a test is left hanging for longer, whatever it comes to.
AT_MOST_S = 100.0


class HoldsUp(Middleware):
    """Waits for `gate` in a hook, with the messages whose first argument is `whom`.

    Args:
        hook: 'before', 'after', or 'judging': after an attempt that failed.
        whom: None for all messages.
    """

    def __init__(self, hook: str, *, whom: str | None = None) -> None:
        self.gate = threading.Event()
        self.held: list[Delivery] = []
        self._hook = hook
        self._whom = whom

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Wait before the handler."""
        del broker
        if self._hook == "before":
            self._hold_up(message)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: Any = None,  # Any: whatever the actor returned
        exception: BaseException | None = None,
    ) -> None:
        """Wait after the handler."""
        del broker, result
        if self._hook == ("after" if exception is None else "judging"):
            self._hold_up(message)

    def _hold_up(self, message: MessageProxy) -> None:
        assert isinstance(message, Delivery)
        if self._whom is None or self._whom == message.args[0]:
            self.held.append(message)
            self.gate.wait(AT_MOST_S)
