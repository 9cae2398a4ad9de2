"""Typing: a chat sees that its message is being worked on, until the answer is there.

Telegram shows it for about five seconds; so it is said again as long as a turn has not ended. It is worth less than
any message: when there is much to say, or a call fails, it is left out.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from okos.telegram.library import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.telegram.address import Address
    from okos.telegram.pace import Pace
    from okos.telegram.sender import Sender

#: A quick answer needs none.
FIRST_S = 0.5
EVERY_S = 4.5
#: A turn that has not ended by then waits for something else than the model.
LONGEST_S = 600.0
_PAUSE_S = 30.0

Place = tuple[str, int | None]


class Activity:
    """Who is shown that the bot is typing. Used on the event loop.

    Args:
        sender: Through which.
        pace: Whether there is room.
        now_ms: A clock that never goes back.
    """

    def __init__(self, sender: Sender, pace: Pace, *, now_ms: Callable[[], int]) -> None:
        self._sender = sender
        self._pace = pace
        self._now_ms = now_ms
        self._places: dict[Place, dict[str, float]] = {}
        self._place_of: dict[str, Place] = {}
        self._typing: dict[Place, asyncio.Task[None]] = {}

    def begin(self, envelope_id: str, address: Address) -> None:
        """Show it for a turn that comes."""
        place = (address.chat, address.topic)
        self._place_of[envelope_id] = place
        self._places.setdefault(place, {})[envelope_id] = self._now_ms() / 1000
        if place not in self._typing:
            self._typing[place] = asyncio.get_running_loop().create_task(self._type(place, address))

    def end(self, envelope_id: str) -> None:
        """Show it no longer for a turn; one that is not known is no error."""
        place = self._place_of.pop(envelope_id, None)
        if place is not None:
            turns = self._places.get(place, {})
            turns.pop(envelope_id, None)
            if not turns:
                self._places.pop(place, None)
                typing = self._typing.pop(place, None)
                if typing is not None:
                    typing.cancel()

    async def stop(self) -> None:
        """Show it nowhere any longer."""
        typing = list(self._typing.values())
        for one in typing:
            one.cancel()
        await asyncio.gather(*typing, return_exceptions=True)

    async def _type(self, place: Place, address: Address) -> None:
        try:
            await asyncio.sleep(FIRST_S)
            while self._goes_on(place):
                pause_s = EVERY_S
                if self._pace.has_room(now_ms=self._now_ms()) and not self._pace.is_held(address.chat, self._now_ms()):
                    try:
                        await self._sender.type(address)
                    except Refused as problem:
                        pause_s = max(EVERY_S, (problem.wait_ms or 0) / 1000, _PAUSE_S)
                    except (OSError, TimeoutError):
                        pause_s = EVERY_S
                await asyncio.sleep(pause_s)
        finally:
            # Ended from outside, its place may have another one already.
            if self._typing.get(place) is asyncio.current_task():
                del self._typing[place]
                for envelope_id in self._places.pop(place, {}):
                    self._place_of.pop(envelope_id, None)

    def _goes_on(self, place: Place) -> bool:
        oldest_s = self._now_ms() / 1000 - LONGEST_S
        return any(since_s > oldest_s for since_s in self._places.get(place, {}).values())
