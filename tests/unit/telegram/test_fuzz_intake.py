"""Whatever Telegram's schema allows is read as a message; whatever else may come is left out, and stops nothing."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any, cast

import pytest
from fuzzing import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from odd_objects import an_object, damaged, read_back, written

from okos.envelope import Envelope
from okos.telegram.access import Access, command_of, is_for_us
from okos.telegram.difference import Difference
from okos.telegram.envelope import envelope_of
from okos.telegram.intake import box_of
from okos.telegram.library import T
from okos.telegram.reading import File, read

if TYPE_CHECKING:
    from okos.telegram.sorting import Sorting

pytestmark = pytest.mark.fuzz
SEEDS = st.integers(0, 2**48)
UPDATES = [
    *("UpdateNewMessage", "UpdateNewChannelMessage", "UpdateEditMessage", "UpdateEditChannelMessage"),
    *("UpdateDeleteMessages", "UpdateDeleteChannelMessages", "UpdateBotCallbackQuery", "UpdateChannelTooLong"),
]


def through(message: Any) -> None:
    """Take a message all the way to what is published."""
    incoming = read(message)
    assert isinstance(incoming.text, str)
    is_for_us(incoming, bot_id=7, username="okos_bot")
    command_of(incoming.text, username="okos_bot")
    Access(users=frozenset({1}), admins=frozenset(), groups=frozenset()).role(incoming)
    envelope, files = envelope_of(
        incoming, bot_id=7, username="okos_bot", access_hash=1, role="user", handled={"photo", "sticker", "voice"}
    )
    travelled = json.loads(json.dumps(envelope.encode()))
    assert Envelope.decode(travelled) == envelope
    assert travelled["id"].startswith("tg:7:")
    assert [File.decode(json.loads(json.dumps(one.file.encode()))).id for one in files] == [
        one.file.id for one in files
    ]


class Reader:
    """Reads what is sorted, as `Sorting` does, and keeps nothing."""

    async def take(self, message: Any, _access_hash: int | None) -> None:
        if isinstance(message, T.Message):
            through(message)

    edit = take

    async def delete(self, ids: Any, _channel_id: int | None) -> None:
        sorted(ids)


class Everybody:
    """Knows everybody."""

    async def hash_of(self, _message: Any) -> int:
        return 1


def a_difference() -> Difference:
    nothing = cast("Any", None)
    return Difference(
        nothing,
        peers=cast("Any", Everybody()),
        sorting=cast("Sorting", Reader()),
        publisher=nothing,
        other=nothing,
    )


@fuzzed(200)
@given(seed=SEEDS)
def test_a_message_of_the_schema_is_read_whatever_it_holds(seed: int) -> None:
    through(an_object(Random(seed), T.Message))


@fuzzed(200)
@given(seed=SEEDS)
def test_no_update_stops_those_behind_it(seed: int) -> None:
    random = Random(seed)
    update = an_object(random, getattr(T, random.choice(UPDATES)))

    box_of(update)
    asyncio.run(a_difference().sort(update))


@fuzzed(200)
@given(seed=SEEDS)
def test_nor_does_one_that_was_damaged_on_its_way(seed: int) -> None:
    random = Random(seed)
    sent = written(an_object(random, getattr(T, random.choice(UPDATES))))

    update = None if sent is None else read_back(damaged(random, sent))

    if update is not None:
        asyncio.run(a_difference().sort(update))
