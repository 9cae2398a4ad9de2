"""The data centre's updates: how they come live, what a difference tells, what is sent again."""

import time
from typing import Any

from datacentre import DataCentre, a_listener, with_a_centre
from datacentre.world import access_hash
from pyrogram import raw

F: Any = raw.functions
T: Any = raw.types


def difference(pts: int, since_s: int = 0) -> Any:
    return F.updates.GetDifference(pts=pts, date=since_s, qts=0)


def channel_difference(channel_id: int, pts: int) -> Any:
    return F.updates.GetChannelDifference(
        channel=T.InputChannel(channel_id=channel_id, access_hash=access_hash("channel", channel_id)),
        filter=T.ChannelMessagesFilterEmpty(),
        pts=pts,
        limit=100,
    )


def send(user_id: int, text: str, random_id: int) -> Any:
    peer = T.InputPeerUser(user_id=user_id, access_hash=access_hash("user", user_id))
    return F.messages.SendMessage(peer=peer, message=text, random_id=random_id)


@with_a_centre
async def test_the_state_begins_at_1_and_the_first_message_makes_it_2(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        assert (await bot.ask(F.updates.GetState())).pts == 1
        dc.says(alice, "first")
        await dc.until(lambda: bot.came)
        update = bot.came[0].updates[0]
        assert (update.pts, update.pts_count, update.message.message) == (2, 1, "first")


@with_a_centre
async def test_a_message_comes_in_the_form_that_the_test_wants(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("S", [alice])
    async with a_listener(dc) as bot:
        dc.says(alice, "full")
        dc.says(alice, "short", form="short")
        dc.says(group, "min", by=alice, form="min")
        dc.says(alice, "lost", form="unseen")
        dc.says(alice, "too long", form="too_long")
        dc.says(group, "too long", by=alice, form="too_long")
        await dc.until(lambda: len(bot.came) == 5)
        full, short, reduced, too_long, channel_too_long = bot.came
    assert full.users[0].access_hash == access_hash("user", alice.id)
    assert (short.message, short.user_id, short.pts) == ("short", alice.id, 3)
    assert reduced.users[0].min
    assert reduced.users[0].access_hash != access_hash("user", alice.id)
    assert reduced.chats[0].min
    assert reduced.chats[0].access_hash != access_hash("channel", group.id)
    assert isinstance(too_long, T.UpdatesTooLong)
    assert isinstance(channel_too_long.update, T.UpdateChannelTooLong)


@with_a_centre
async def test_a_difference_tells_what_was_missed_as_it_is_now(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    old = dc.says(alice, "old")
    async with a_listener(dc) as bot:
        pts = (await bot.ask(F.updates.GetState())).pts
        dc.edits(old, "old, edited")
        new = dc.says(alice, "new", form="unseen")
        gone = dc.says(alice, "gone", form="unseen")
        dc.edits(new, "new, edited", form="unseen")
        dc.deletes(gone, form="unseen")
        found = await bot.ask(difference(pts))
        again = await bot.ask(difference(found.state.pts))
    assert [m.message for m in found.new_messages] == ["new, edited"]
    assert [type(u).__name__ for u in found.other_updates] == ["UpdateEditMessage", "UpdateDeleteMessages"]
    assert [u.id for u in found.users] == [alice.id]
    assert isinstance(again, T.updates.DifferenceEmpty)


@with_a_centre
async def test_a_long_difference_comes_in_slices_and_one_too_long_not_at_all(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    dc.slice_size = 2
    async with a_listener(dc) as bot:
        for n in range(5):
            dc.says(alice, str(n), form="unseen")
        pts, heard, slices = 1, [], 0
        while not isinstance(found := await bot.ask(difference(pts)), T.updates.Difference):
            heard += [m.message for m in found.new_messages]
            pts, slices = found.intermediate_state.pts, slices + 1
        heard += [m.message for m in found.new_messages]
        dc.forget_changes(alice)
        too_long = await bot.ask(difference(2))
    assert (heard, slices, found.state.pts) == (["0", "1", "2", "3", "4"], 2, 6)
    assert (type(too_long).__name__, too_long.pts) == ("DifferenceTooLong", 6)


@with_a_centre
async def test_a_channel_has_a_difference_of_its_own(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("S", [alice])
    dc.slice_size = 2
    async with a_listener(dc) as bot:
        for n in range(3):
            dc.says(group, str(n), by=alice, form="unseen")
        common = await bot.ask(difference(1))
        first = await bot.ask(channel_difference(group.id, 1))
        rest = await bot.ask(channel_difference(group.id, first.pts))
        nothing = await bot.ask(channel_difference(group.id, rest.pts))
        told = await bot.ask(difference(1, since_s=int(time.time()) + 2))
        dc.forget_changes(group)
        too_long = await bot.ask(channel_difference(group.id, 1))
    assert [(u.channel_id, u.pts) for u in common.other_updates] == [(group.id, 4)]
    assert ([m.message for m in first.new_messages], first.final) == (["0", "1"], None) or not first.final
    assert ([m.message for m in rest.new_messages], bool(rest.final), rest.pts) == (["2"], True, 4)
    assert isinstance(nothing, T.updates.ChannelDifferenceEmpty)
    assert isinstance(told, T.updates.DifferenceEmpty)
    assert (type(too_long).__name__, too_long.dialog.pts) == ("ChannelDifferenceTooLong", 4)


@with_a_centre
async def test_a_session_that_was_cut_off_gets_what_it_missed_in_order(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        dc.says(alice, "1")
        await dc.until(lambda: bot.texts() == ["1"])
        dc.cut_connections()
        dc.says(alice, "2")
        dc.says(alice, "3")
        await dc.until(lambda: len(bot.texts()) >= 3)
        dc.says(alice, "4")
        await dc.until(lambda: "4" in bot.texts())
        # "1" was not acknowledged and is sent again; the library knows its id and drops it
        assert bot.texts() == ["1", "2", "3", "4"]
        assert dc.record.counts()["updates.GetState"] == 1


@with_a_centre
async def test_what_is_acknowledged_is_not_kept(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        for n in range(30):
            dc.says(alice, str(n))
        await dc.until(lambda: len(bot.texts()) == 30)
        await bot.ask(F.updates.GetState())
        await dc.until(lambda: all(len(s.unacknowledged) < 20 for s in dc.sessions.values()))


@with_a_centre
async def test_a_long_absence_is_told_as_too_long(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        dc.pause()
        dc.cut_connections()
        for n in range(201):
            dc.says(alice, str(n))
        dc.go_on()
        await dc.until(lambda: bot.came)
        assert isinstance(bot.came[0], T.UpdatesTooLong)


@with_a_centre
async def test_a_send_is_answered_in_the_form_of_its_chat(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("S", [alice])
    async with a_listener(dc) as bot:
        private = await bot.ask(send(alice.id, "hello", 1))
        peer = T.InputPeerChannel(channel_id=group.id, access_hash=access_hash("channel", group.id))
        public = await bot.ask(F.messages.SendMessage(peer=peer, message="hello", random_id=2))
    assert (type(private).__name__, private.pts, private.pts_count) == ("UpdateShortSentMessage", 2, 1)
    assert [type(u).__name__ for u in public.updates] == ["UpdateMessageID", "UpdateNewChannelMessage"]
    assert public.updates[0].random_id == 2
    # the sender has it from the answer alone
    assert bot.came == []


@with_a_centre
async def test_a_repeated_send_is_answered_with_the_first_message(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        await bot.ask(send(alice.id, "first", 1))
        repeated = await bot.ask(send(alice.id, "second", 1))
        other = await bot.ask(send(alice.id, "third", 2))
    by_id, message = repeated.updates
    assert (by_id.id, by_id.random_id) == (1, 1)
    assert (message.message.message, message.pts_count, message.pts) == ("first", 0, 2)
    assert other.pts == 3
    assert dc.answers(alice) == ["first", "third"]
    assert [e.random_id for e in dc.record.of("repeated")] == [1]


@with_a_centre
async def test_the_bot_meets_its_own_words_in_the_difference(dc: DataCentre) -> None:
    alice = dc.add_user("Alice")
    async with a_listener(dc) as bot:
        await bot.ask(send(alice.id, "mine", 7))
        found = await bot.ask(difference(1))
    assert [(m.message, m.out) for m in found.new_messages] == [("mine", True)]
    assert [(u.id, u.random_id) for u in found.other_updates] == [(1, 7)]
