"""What is odd on the wire: updates filled at random, and damaged ones, between those of people."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from fuzzing import FACTOR
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from odd_objects import an_object, damaged, read_back, written

from okos.telegram.library import T

if TYPE_CHECKING:
    from datacentre import DataCentre

pytestmark = pytest.mark.fuzz
COUNTED = ("UpdateNewMessage", "UpdateEditMessage", "UpdateDeleteMessages")
ODD_AT_ONCE = 40


def odd_updates(random: Random, number: int) -> list[Any]:
    """Make updates that can travel; a third of them damaged, as far as they are still any."""
    found: list[Any] = []
    while len(found) < number:
        kind = random.choice([*COUNTED, "UpdateBotCallbackQuery", "UpdateUserStatus", "UpdateChannelTooLong"])
        update = an_object(random, getattr(T, kind))
        sent = written(update)
        if sent is None:
            continue
        if random.random() < 0.3:
            update = read_back(damaged(random, sent))
        if type(update).__name__.startswith("Update") and written(update) is not None:
            found.append(update)
    return found


@pytest.mark.parametrize("seed", range(2 * FACTOR))
def test_people_are_answered_between_whatever_comes(url: str, namespace: str, seed: int) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        random = Random(seed)
        # Numbers of messages that nothing odd has: else it deletes or comes before one of hers, and rightly so.
        dc.world.common.last_id = 10_000

        def send(update: Any) -> None:
            if hasattr(update, "pts_count"):
                # it is the next change of the box, so that it is not passed over for its number
                dc.world.common.pts += 1
                update.pts, update.pts_count = dc.world.common.pts, 1
            dc.push(T.Updates(updates=[update], users=[], chats=[], date=int(time.time()), seq=0))

        with workers(url, namespace) as taken:
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running)
                for number in range(4):
                    for update in odd_updates(random, ODD_AT_ONCE // 4):
                        send(update)
                    dc.says(alice, f"text {number}")
                wanted = [f"text {number}" for number in range(4)]
                await until(lambda: running.done() or taken.texts(alice.id) == wanted)
                assert not running.done(), running.result()

    play()
