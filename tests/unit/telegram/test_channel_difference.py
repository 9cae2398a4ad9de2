"""How far a channel that is seen for the first time is looked back on, and what of that is taken."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from okos.telegram.channel import ChannelDifference
from okos.telegram.library import F, Refused, T

CHANNEL = 5
NOW_S = 1_800_000_000
DAY_S = 86_400


class Peers:
    """Knows when we came into the channel, and nothing else."""

    def __init__(self, joined_s: int = 0) -> None:
        self._joined_s = joined_s

    def learn(self, _users: Any, _chats: Any) -> None:
        """Learn nothing."""

    def channel(self, _: int) -> None:
        """Know no access hash."""

    def joined_s(self, _: int) -> int:
        return self._joined_s


class Publisher:
    """Publishes nothing."""

    def reach(self, *_: int) -> None:
        """Note nothing."""

    async def flush(self) -> None:
        """Write nothing."""


class Telegram:
    """A channel of which each change is a message, the last one of now; notes what it is asked and what is sorted."""

    def __init__(self, changes: int, *, date_s: int = 0, most: int = 1_000_000, each_s: int = 1) -> None:
        self.known: dict[int, int] = {}
        self.date_s = date_s
        self.asked: list[tuple[int, int]] = []
        self.taken: list[int] = []
        self.reached: list[tuple[int, int]] = []  # the place, and how many were taken when it was noted
        self.holes: list[str] = []
        self._changes = changes
        self._most = most
        self._each_s = each_s

    async def call(self, query: Any) -> Any:
        if isinstance(query, F.channels.GetFullChannel):
            return Refused(400, "CHANNEL_INVALID")
        self.asked.append((query.pts, query.limit))
        last = min(self._changes, query.pts + min(query.limit, self._most))
        return T.updates.ChannelDifference(
            pts=last,
            new_messages=[self._message(pts) for pts in range(query.pts + 1, last + 1)],
            other_updates=[],
            chats=[],
            users=[],
            final=last == self._changes or None,
        )

    def _message(self, pts: int) -> Any:
        date_s = NOW_S - (self._changes - pts) * self._each_s
        return T.Message(id=pts, peer_id=T.PeerChannel(channel_id=CHANNEL), date=date_s, message="")

    async def sort_all(self, messages: Any, updates: Any) -> list[Any]:
        self.taken += [message.id for message in messages]
        return list(updates)

    async def sort(self, _update: Any, *, sure: bool) -> None:
        assert sure

    def reach(self, box: int, pts: int) -> None:
        self.known[box] = pts
        self.reached.append((pts, len(self.taken)))

    def say_hole(self, _box: int, _pts: int, *, reason: str) -> None:
        self.holes.append(reason)


def ask(telegram: Telegram, seen_pts: int | None, seen_id: int | None = None, *, joined_s: int = 0) -> bool:
    channels = ChannelDifference(
        cast("Any", telegram),
        peers=cast("Any", Peers(joined_s)),
        publisher=cast("Any", Publisher()),
        now_s=lambda: NOW_S,
    )
    return asyncio.run(channels.ask(CHANNEL, seen_pts, seen_id))


@pytest.mark.parametrize(
    ("joined_ago_s", "looked", "taken"),
    [
        (0, [100], 1),
        (98, [100], 99),
        (99, [100, 1_000], 100),
        (998, [100, 1_000], 999),
        (999, [100, 1_000, 10_000], 1_000),
    ],
)
def test_it_looks_back_as_far_as_to_before_we_came(joined_ago_s: int, looked: list[int], taken: int) -> None:
    telegram = Telegram(50_000)

    assert ask(telegram, 50_000, joined_s=NOW_S - joined_ago_s)

    assert telegram.asked == [(50_000 - back, 2 * back) for back in looked]
    assert len(telegram.taken) == taken
    assert not telegram.holes


def test_what_is_further_than_it_looks_is_said_to_be_a_hole() -> None:
    telegram = Telegram(50_000)

    ask(telegram, 50_000, joined_s=NOW_S - 20_000)

    assert len(telegram.taken) == 10_000
    assert telegram.holes == ["more came than is looked back on"]


@pytest.mark.parametrize(
    ("known_ago_s", "seen_id", "first"),
    [(2 * DAY_S, None, 49_136), (5_000, None, 49_950), (0, 49_990, 49_990), (0, None, 50_000)],
)
def test_nothing_is_taken_of_a_day_ago_or_of_before_all_was_known_but_what_is_in_hand(
    known_ago_s: int, seen_id: int | None, first: int
) -> None:
    telegram = Telegram(50_000, date_s=NOW_S - known_ago_s, each_s=100)

    ask(telegram, 50_000, seen_id)

    assert telegram.taken == list(range(first, 50_001))


def test_the_place_is_noted_only_when_all_that_was_looked_back_on_is_taken() -> None:
    telegram = Telegram(500, most=30)

    ask(telegram, 500, joined_s=NOW_S - 90)

    assert len(telegram.taken) == 91
    assert telegram.reached == [(500, 91)]


def test_a_channel_that_telegram_tells_nothing_of_has_no_place() -> None:
    telegram = Telegram(500)

    with capture_logs() as logs:
        assert not ask(telegram, None)

    assert telegram.known == {}
    assert [one["event"] for one in logs] == ["channel lost"]
