"""What Okos uses of the MTProto library, and the one place that knows that there are two of them.

Pyrogram 2.0.106 and kurigram install the same package, `pyrogram`. What both have is used as it is; where they differ,
a name here says so. Importing this module gives the thread an event loop if it has none: both libraries ask for one
when they are imported, and from Python 3.14 on that is an error.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from okos.errors import OkosError

if TYPE_CHECKING:
    from pyrogram.errors import RPCError


def _event_loop_before_import() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.set_event_loop(asyncio.new_event_loop())


_event_loop_before_import()

import pyrogram  # noqa: E402 - after the line above
from pyrogram import raw, utils  # noqa: E402

# Any, here and everywhere in this package: what the library generates from Telegram's schema has no types.
F: Any = raw.functions
T: Any = raw.types

LIBRARY_VERSION: str = pyrogram.__version__

#: Telegram's layer from which on a reply is an object (kurigram); before, the id of the message (Pyrogram).
REPLY_OBJECT: bool = "reply_to" in F.messages.SendMessage.__slots__

# Ids of channels have outgrown what Pyrogram 2.0.106 takes for a channel.
_LEAST_CHANNEL_ID = -1009999999999
if hasattr(utils, "MIN_CHANNEL_ID"):
    utils.MIN_CHANNEL_ID = min(utils.MIN_CHANNEL_ID, _LEAST_CHANNEL_ID)

_UNKNOWN = re.compile(r"\[(\d+) ([^\]]+)\]")
_NUMBER = re.compile(r"_(\d+)")
_FLOOD = 420


class Refused(OkosError):
    """Telegram answered with an error.

    Attributes:
        code: As HTTP's: 400 a wrong question, 401 no right, 420 too fast, 500 Telegram's own trouble.
        name: Telegram's name of it, a number in it replaced by X: `FLOOD_WAIT_X`.
        value: That number; None without one.
    """

    def __init__(self, code: int, name: str, value: int | None = None) -> None:
        self.code = code
        self.name = name
        self.value = value
        shown = name if value is None else name.replace("_X", f"_{value}")
        super().__init__(f"Telegram refuses: {shown} ({code})")

    @property
    def wait_ms(self) -> int | None:
        """How long Telegram wants to be left alone; None if it does not say so."""
        return self.value * 1000 if self.code == _FLOOD and self.value is not None else None


def refused(error: RPCError) -> Refused:
    """Turn the library's error into ours: by its code and name, for the classes differ."""
    code, name, value = int(error.CODE or 0), str(error.ID or ""), error.value
    unknown = _UNKNOWN.search(str(value)) if isinstance(value, str) else None
    if unknown is not None:
        code, message = int(unknown.group(1)), unknown.group(2)
        number = _NUMBER.search(message)
        name, value = _NUMBER.sub("_X", message), number.group(1) if number else None
    try:
        return Refused(code, name, None if value is None else int(value))
    except (TypeError, ValueError):
        return Refused(code, name)
