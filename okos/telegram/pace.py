"""How fast the bot may speak: about once a second in a chat, so often a minute in a group, so often a second in all.

Telegram gives these numbers in its documentation and answers what is faster with flood waits that grow. They are kept
in memory, by the one gateway that there is; what it cannot know, it hears from Telegram (`hold`). Used on one event
loop; the time is an argument.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okos.settings import Telegram

_SECOND_MS = 1_000
_MINUTE_MS = 60_000
#: When more chats than these are known, those that were quiet are forgotten.
_MOST_KEPT = 10_000


class _Window:
    """At most `most` in any `span_ms`."""

    def __init__(self, most: int, span_ms: int) -> None:
        self._most = most
        self._span_ms = span_ms
        self._times_ms: deque[int] = deque(maxlen=most)

    def wait_ms(self, now_ms: int, *, leaving: int = 0) -> int:
        """Tell how long until there is room for one more, and for so many after it."""
        most = max(1, self._most - leaving)
        if len(self._times_ms) < most:
            return 0
        return max(0, self._times_ms[-most] + self._span_ms - now_ms)

    def take(self, now_ms: int) -> None:
        """Note one more."""
        self._times_ms.append(now_ms)

    def is_quiet(self, now_ms: int) -> bool:
        """Tell whether nothing in it counts any more."""
        return not self._times_ms or self._times_ms[-1] + self._span_ms <= now_ms


class _Chat:
    def __init__(self, telegram: Telegram, *, is_group: bool) -> None:
        self.own = _Window(1, telegram.per_chat_ms)
        self.minute = _Window(telegram.per_group_per_minute, _MINUTE_MS) if is_group else None
        self.held_until_ms = 0

    def wait_ms(self, now_ms: int, *, leaving: int) -> int:
        minute_ms = 0 if self.minute is None else self.minute.wait_ms(now_ms, leaving=leaving)
        return max(0, self.held_until_ms - now_ms, self.own.wait_ms(now_ms), minute_ms)

    def take(self, now_ms: int) -> None:
        self.own.take(now_ms)
        if self.minute is not None:
            self.minute.take(now_ms)

    def is_quiet(self, now_ms: int) -> bool:
        windows = [self.own] if self.minute is None else [self.own, self.minute]
        return self.held_until_ms <= now_ms and all(window.is_quiet(now_ms) for window in windows)


class Pace:
    """What was said lately, and so when more may be.

    Args:
        telegram: The numbers.
    """

    def __init__(self, telegram: Telegram) -> None:
        self._telegram = telegram
        self._all = _Window(telegram.per_second, _SECOND_MS)
        self._chats: dict[str, _Chat] = {}

    def take(self, chat: str, *, is_group: bool, now_ms: int) -> int:
        """Speak in a chat: 0 if it may be now, and is noted; else how long to wait before asking again (ms)."""
        return self._take(chat, is_group=is_group, now_ms=now_ms, leaving=0, leaving_of_all=0)

    def take_spare(self, chat: str, *, is_group: bool, now_ms: int) -> int:
        """Show something that nobody would miss: as `take`, but half of what may be said is left to answers."""
        return self._take(
            chat,
            is_group=is_group,
            now_ms=now_ms,
            leaving=self._telegram.per_group_per_minute // 2,
            leaving_of_all=self._telegram.per_second // 2,
        )

    def has_room(self, *, now_ms: int) -> bool:
        """Tell whether so little is being said that something else may be shown."""
        return not self._all.wait_ms(now_ms, leaving=self._telegram.per_second // 2)

    def is_held(self, chat: str, now_ms: int) -> bool:
        """Tell whether Telegram wants a chat to be left alone now."""
        return chat in self._chats and self._chats[chat].held_until_ms > now_ms

    def hold(self, chat: str, *, is_group: bool, wait_ms: int, now_ms: int) -> None:
        """Leave a chat alone for so long: Telegram says so."""
        its = self._chat(chat, is_group=is_group, now_ms=now_ms)
        its.held_until_ms = max(its.held_until_ms, now_ms + wait_ms)

    def held(self, *, now_ms: int) -> tuple[int, int]:
        """Tell how many chats Telegram wants left alone now, and how long yet the longest (ms)."""
        left = [its.held_until_ms - now_ms for its in self._chats.values() if its.held_until_ms > now_ms]
        return len(left), max(left, default=0)

    def _take(self, chat: str, *, is_group: bool, now_ms: int, leaving: int, leaving_of_all: int) -> int:
        its = self._chat(chat, is_group=is_group, now_ms=now_ms)
        wait_ms = max(its.wait_ms(now_ms, leaving=leaving), self._all.wait_ms(now_ms, leaving=leaving_of_all))
        if not wait_ms:
            its.take(now_ms)
            self._all.take(now_ms)
        return wait_ms

    def _chat(self, chat: str, *, is_group: bool, now_ms: int) -> _Chat:
        its = self._chats.get(chat)
        if its is None:
            if len(self._chats) >= _MOST_KEPT:
                self._chats = {name: one for name, one in self._chats.items() if not one.is_quiet(now_ms)}
            its = self._chats[chat] = _Chat(self._telegram, is_group=is_group)
        return its
