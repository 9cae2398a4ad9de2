from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from okos.mailbox import LeaseLost
from okos.telegram.channel import ChannelDifference
from okos.telegram.difference import Difference
from okos.telegram.library import T
from okos.telegram.sorting import Sorting, UnknownSender
from okos.telegram.store import COMMON


class FakePeers:
    """Knows everybody."""

    async def hash_of(self, _: Any) -> int:
        return 1

    def channel(self, _: int) -> int:
        return 1


class FailingSorting:
    """Fails with what the text of the message names."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int | None]] = []

    async def take(self, message: Any, access_hash: int | None) -> None:
        errors = {"poison": AttributeError("no such field"), "lost": LeaseLost("it is another's")}
        if message.message == "unknown" and access_hash:
            raise UnknownSender
        if message.message in errors:
            raise errors[message.message]
        self.taken.append((message.message, access_hash))


def a_difference(sorting: FailingSorting) -> Difference:
    async def other(_: Any) -> None:
        """Take nothing."""

    nothing = cast("Any", None)
    return Difference(
        nothing, peers=cast("Any", FakePeers()), sorting=cast("Sorting", sorting), publisher=nothing, other=other
    )


def an_update(text: str) -> Any:
    message = T.Message(id=1, peer_id=T.PeerUser(user_id=7), date=0, message=text)
    return T.UpdateNewMessage(message=message, pts=2, pts_count=1)


def test_what_cannot_be_read_is_left_out_and_the_rest_goes_on() -> None:
    sorting = FailingSorting()
    difference = a_difference(sorting)

    for text in ("1", "poison", "2"):
        asyncio.run(difference.sort(an_update(text)))

    assert sorting.taken == [("1", 1), ("2", 1)]


def test_a_lost_lease_is_not_taken_for_a_bad_update() -> None:
    with pytest.raises(LeaseLost):
        asyncio.run(a_difference(FailingSorting()).sort(an_update("lost")))


def test_a_channel_without_a_number_does_not_move_the_common_box() -> None:
    difference = a_difference(FailingSorting())
    difference.known[COMMON] = 7

    nothing = cast("Any", None)
    channels = ChannelDifference(difference, peers=nothing, publisher=nothing)
    asyncio.run(channels.ask(0, 2**31 - 1))

    assert difference.known == {COMMON: 7}


def test_whose_sender_is_not_known_is_asked_for_unless_nobody_will_tell_more() -> None:
    sorting = FailingSorting()
    difference = a_difference(sorting)

    with pytest.raises(UnknownSender):
        asyncio.run(difference.sort(an_update("unknown")))
    asyncio.run(difference.sort(an_update("unknown"), sure=True))

    assert sorting.taken == [("unknown", 0)]
