"""What people write reaches its mailbox: once, in order, whatever happens on the wire."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from real_server import a_server

from okos.telegram.gateway import Gateway
from okos.telegram.inbox import Inbox
from okos.telegram.store import LEASE_MS

if TYPE_CHECKING:
    from datacentre import DataCentre
    from datacentre.core import Form


class CountingInbox(Inbox):
    """Tells how much came, also of what it had no room for."""

    came = 0

    def put(self, update: Any) -> None:
        """Count it, too."""
        self.came += 1
        super().put(update)


@with_a_centre
async def test_messages_reach_their_users_mailbox_in_order(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(20):
                dc.says(alice, f"alice {number}")
                dc.says(bob, f"bob {number}")
            await until(lambda: len(taken.envelopes) == 40)
    assert taken.texts(alice.id) == [f"alice {number}" for number in range(20)]
    assert taken.texts(bob.id) == [f"bob {number}" for number in range(20)]
    first = taken.envelopes[0]
    assert (first.channel, first.kind, first.user, first.mailbox) == (
        "telegram",
        "text",
        first.chat,
        f"telegram:{first.chat}",
    )


@pytest.mark.parametrize("form", ["full", "min", "short", "too_long", "unseen"])
def test_order_holds_however_telegram_tells(form: Form, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        with workers(url, namespace) as taken:
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running)
                dc.says(alice, "1", form=form)
                dc.says(alice, "2")
                dc.says(alice, "3", form=form)
                dc.says(alice, "4", form=form)
                dc.says(alice, "5")
                await until(lambda: len(taken.envelopes) == 5)
        assert taken.texts() == ["1", "2", "3", "4", "5"]

    play()


@pytest.mark.parametrize("form", ["full", "min", "too_long", "unseen"])
def test_a_supergroup_is_counted_by_itself(form: Form, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        group = dc.add_supergroup("Group", [alice])
        settings = settings_for(dc, url, namespace, telegram={"groups": "all"})
        with workers(url, namespace) as taken:
            async with a_gateway(settings) as running:
                await ready(dc, running)
                dc.says(group, "0", by=alice)
                for number in range(1, 4):
                    dc.says(group, str(number), by=alice, form=form)
                dc.says(group, "4", by=alice)
                await until(lambda: len(taken.envelopes) == 5)
        assert taken.texts() == ["0", "1", "2", "3", "4"]
        assert {one.mailbox for one in taken.envelopes} == {f"telegram:{group.peer.chat_id}"}

    play()


@with_a_centre
async def test_what_came_while_the_gateway_was_away_comes_first(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    dc.slice_size = 3
    settings = settings_for(dc, url, namespace, telegram={"groups": "all"})
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(alice, "before")
            dc.says(group, "before, in the group", by=alice)
            await until(lambda: len(taken.envelopes) == 2)
        for number in range(8):
            dc.says(alice, f"away {number}")
            dc.says(group, f"group away {number}", by=alice)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            dc.says(alice, "after")
            await until(lambda: len(taken.envelopes) == 19)
    assert taken.texts(alice.id) == ["before", *(f"away {number}" for number in range(8)), "after"]
    assert taken.texts(group.peer.chat_id)[1:] == [f"group away {number}" for number in range(8)]
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1


@with_a_centre
async def test_what_came_while_the_line_was_cut_is_not_lost(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            for number in range(3):
                dc.says(alice, f"{number}")
                dc.cut_connections()
                dc.says(alice, f"{number} cut", form="unseen")
            await until(lambda: len(taken.envelopes) == 6)
    assert taken.texts() == ["0", "0 cut", "1", "1 cut", "2", "2 cut"]


@with_a_centre
async def test_what_telegram_has_dropped_does_not_stop_the_rest(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "before")
            await until(lambda: len(taken.envelopes) == 1)
        dc.says(alice, "dropped")
        dc.forget_changes(alice)
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running, times=2)
            dc.says(alice, "after")
            await until(lambda: len(taken.envelopes) == 2)
    assert taken.texts() == ["before", "after"]


@with_a_centre
async def test_a_group_that_is_lost_with_a_gap_in_it_does_not_end_the_gateway(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    settings = settings_for(dc, url, namespace, telegram={"groups": "all"})
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(group, "before", by=alice)
            await until(lambda: taken.envelopes)
            lost = dc.fail("updates.GetChannelDifference", 400, "CHANNEL_PRIVATE")
            dc.says(group, "missing", by=alice, form="unseen")
            dc.says(group, "behind the gap", by=alice)
            await until(lambda: lost.met or running.done())
            dc.says(alice, "in private")
            await until(lambda: running.done() or "in private" in taken.texts())
            assert not running.done(), running.result()
    assert sorted(taken.texts()) == ["before", "behind the gap", "in private"]


@with_a_centre
async def test_a_message_sent_before_the_first_start_ever_is_not_answered(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    dc.says(alice, "is anybody there?")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "hello")
            await until(lambda: taken.envelopes)
    assert taken.texts() == ["hello"]


@with_a_centre
async def test_what_is_told_while_the_first_start_ever_asks_who_it_is_is_answered(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    late = [dc.delay(name, 500, done=True) for name in ("users.GetFullUser", "updates.GetState")]
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            for number in range(2):
                # It is signed in and hears what comes, and has not heard the answer yet.
                await until(lambda number=number: sum(asked.met for asked in late) > number)  # type: ignore[misc]
                dc.says(alice, f"question {number}.")
            await ready(dc, running)
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    assert taken.texts() == ["question 0.", "question 1."]
    assert dc.violations() == []


@with_a_centre
async def test_redis_may_be_away_for_a_while(dc: DataCentre, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with a_server(aof=True) as server, workers(server.url, namespace) as taken:
        settings = settings_for(dc, server.url, namespace, telegram={"buffer": 5})
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(alice, "0")
            await until(lambda: len(taken.envelopes) == 1)
            server.kill()
            for number in range(1, 20):
                dc.says(alice, str(number))
            server.start()
            await until(lambda: len(taken.envelopes) == 20)
            assert not running.done()
    assert taken.texts() == [str(number) for number in range(20)]


@with_a_centre
async def test_what_has_no_room_while_redis_is_away_is_not_lost_in_a_group_either(
    dc: DataCentre, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    with a_server(aof=True) as server, workers(server.url, namespace) as taken:
        gateway = Gateway(settings_for(dc, server.url, namespace, telegram={"groups": "all"}))
        inbox = gateway._inbox = CountingInbox(5)
        running = asyncio.create_task(gateway.run())
        try:
            await ready(dc, running)
            dc.says(group, "0", by=alice)
            await dc.until(lambda: dc.answers(group))
            server.kill()
            before = inbox.came
            for number in range(1, 20):
                dc.says(alice, str(number))
            # Nothing comes after it in the group, so no gap tells of it.
            dc.says(group, "dropped", by=alice)
            await until(lambda: inbox.came >= before + 20)
            server.start()
            await until(lambda: running.done() or len(taken.envelopes) == 21)
            assert not running.done()
        finally:
            gateway.stop()
            await asyncio.wait({running})
    assert taken.texts(group.peer.chat_id) == ["0", "dropped"]


@with_a_centre
async def test_redis_may_be_away_for_longer_than_a_lease(dc: DataCentre, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with a_server(aof=True) as server, workers(server.url, namespace) as taken:
        async with a_gateway(settings_for(dc, server.url, namespace)) as running:
            await ready(dc, running)
            server.kill()
            dc.says(alice, "while it was away")
            await asyncio.sleep(LEASE_MS / 1000 + 0.5)
            server.start()
            await until(lambda: taken.envelopes)
            assert not running.done()
    assert taken.texts() == ["while it was away"]


@with_a_centre
async def test_many_people_at_once_keep_nobody_waiting(dc: DataCentre, url: str, namespace: str) -> None:
    people = [dc.add_user(f"User{number}") for number in range(200)]
    settings = settings_for(dc, url, namespace, telegram={"per_chat_ms": 0, "per_second": 1_000})
    with workers(url, namespace):
        async with a_gateway(settings) as running:
            await ready(dc, running)
            for number in range(3):
                for person in people:
                    dc.says(person, f"{number} of {person.id}")
            await dc.until(lambda: all(len(dc.answers(person)) == 3 for person in people))
    assert dc.violations() == []


@with_a_centre
async def test_no_text_is_too_odd_to_travel(dc: DataCentre, url: str, namespace: str) -> None:
    texts = ["😀" * 2_048, "a\x00b", "\u202e\u05e9\u05dc\u200b", "{okos}:1|~;\n\r\t", "x" * 4_096, "é\u0301" * 1_000]
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            for text in texts:
                dc.says(alice, text)
            await until(lambda: len(taken.envelopes) == len(texts))
    assert taken.texts() == texts
