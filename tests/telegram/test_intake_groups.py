"""Who may talk to the bot, when a message in a group is for it, and the commands that do not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers

if TYPE_CHECKING:
    from datacentre import DataCentre


@with_a_centre
async def test_in_a_group_it_reads_what_is_for_it(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    group = dc.add_supergroup("Group", [alice, bob])
    name = dc.bot.username
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(group, "hello everybody", by=alice)
            dc.says(group, f"@{name} what time is it?", by=alice)
            dc.says(group, f"and you, @{name}?", by=bob)
            dc.says(group, "/ask@another_bot not you", by=bob)
            dc.says(group, f"/ask@{name} you", by=bob)
            dc.says(group, f"@{name}y is not you", by=bob)
            await until(lambda: len(taken.envelopes) == 3)
    assert taken.texts() == ["what time is it?", f"and you, @{name}?", "/ask you"]
    assert [one.user for one in taken.envelopes] == [str(alice.id), str(bob.id), str(bob.id)]


@with_a_centre
async def test_a_topic_is_a_mailbox_of_its_own(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    forum = dc.add_supergroup("Forum", [alice], forum=True)
    cats, dogs = dc.add_topic(forum, "Cats", alice), dc.add_topic(forum, "Dogs", alice)
    settings = settings_for(dc, url, namespace, telegram={"groups": "all"})
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(cats, "miaow", by=alice)
            dc.says(dogs, "woof", by=alice)
            dc.says(forum, "general", by=alice)
            await until(lambda: len(taken.envelopes) == 3)
            taken.go_on.set()
    assert sorted((one.text, one.topic) for one in taken.envelopes) == sorted(
        [("miaow", str(cats.id)), ("woof", str(dogs.id)), ("general", None)], key=lambda pair: pair[0]
    )


@with_a_centre
async def test_who_is_not_listed_is_told_once_and_not_read(dc: DataCentre, url: str, namespace: str) -> None:
    alice, mallory, boss = dc.add_user("Alice"), dc.add_user("Mallory"), dc.add_user("Boss")
    settings = settings_for(dc, url, namespace, access={"users": (alice.id,), "admins": (boss.id,)})
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(mallory, "let me in")
            dc.says(mallory, "please")
            dc.says(alice, "hello")
            dc.says(boss, "I am the boss")
            await dc.until(lambda: dc.answers(mallory) and dc.answers(alice) and dc.answers(boss))
            told = dc.answers(mallory)
    assert {(one.text, one.role) for one in taken.envelopes} == {("hello", "user"), ("I am the boss", "admin")}
    assert len(taken.envelopes) == 2
    assert len(told) == 1
    assert str(mallory.id) in told[0]


@with_a_centre
async def test_only_the_listed_groups_are_read(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    ours, other = dc.add_supergroup("Ours", [alice]), dc.add_supergroup("Other", [alice])
    settings = settings_for(
        dc, url, namespace, telegram={"groups": "all"}, access={"users": (1,), "groups": (ours.peer.chat_id,)}
    )
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(other, "in the other", by=alice)
            dc.says(ours, "in ours", by=alice)
            await until(lambda: taken.envelopes)
    assert taken.texts() == ["in ours"]


@with_a_centre
async def test_stop_does_not_wait_behind_what_it_stops(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            for text in ("long", "waits", "waits, too"):
                dc.says(alice, text)
            await until(lambda: taken.waiting() == 3 and taken.envelopes)
            dc.says(alice, "/stop")
            await dc.until(lambda: dc.answers(alice))
            taken.go_on.set()
            dc.says(alice, "again")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    assert taken.texts() == ["long", "again"]
    assert dc.answers(alice) == ["Stopped: 3 messages of yours will not be answered.", "re: again"]


@with_a_centre
async def test_start_and_help_are_answered_at_once(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "/start")
            dc.says(alice, "/help")
            dc.says(alice, "hello")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            taken.go_on.set()
            await dc.until(lambda: len(dc.answers(alice)) == 3)
    assert taken.texts() == ["hello"]
    welcome, usage, answer = dc.answers(alice)
    assert welcome.startswith("Hello!")
    assert "/stop" in usage
    assert answer == "re: hello"


@with_a_centre
async def test_who_sends_too_much_is_told_once(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings_for(dc, url, namespace, max_backlog=3)) as running:
            await ready(dc, running)
            for number in range(6):
                dc.says(alice, str(number))
            dc.says(bob, "and me?")
            await dc.until(lambda: dc.answers(alice))
            taken.go_on.set()
            await dc.until(lambda: len(dc.answers(alice)) == 4 and dc.answers(bob))
    assert taken.texts(alice.id) == ["0", "1", "2"]
    told, *answers = dc.answers(alice)
    assert "more messages than I can keep" in told
    assert answers == ["re: 0", "re: 1", "re: 2"]


@with_a_centre
async def test_a_pressed_button_is_let_go(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    async with a_gateway(settings_for(dc, url, namespace)) as running:
        await ready(dc, running)
        dc.presses(dc.says(alice, "hello"), b"yes", alice)
        await dc.until(lambda: dc.record.of("callback_answer"))


@with_a_centre
async def test_an_answer_to_the_bots_words_is_for_it_even_after_a_restart(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    settings = settings_for(dc, url, namespace)
    with workers(url, namespace) as taken:
        for times, group in enumerate((dc.add_supergroup("Super", [alice]), dc.add_group("Basic", [alice]))):
            async with a_gateway(settings) as running:
                await ready(dc, running, times=2 * times + 1)
                question = dc.says(group, f"@{dc.bot.username} one", by=alice)
                await dc.until(lambda group=group: dc.answers(group))  # type: ignore[misc]
                answer = dc.visible(group)[-1]
                dc.says(group, "two", by=alice, reply_to=answer)
                await dc.until(lambda group=group: len(dc.answers(group)) == 2)  # type: ignore[misc]
            async with a_gateway(settings) as running:
                await ready(dc, running, times=2 * times + 2)
                dc.says(group, "for Alice herself", by=alice, reply_to=question)
                dc.says(group, "three", by=alice, reply_to=answer)
                await dc.until(lambda group=group: len(dc.answers(group)) == 3)  # type: ignore[misc]
    assert taken.texts() == ["one", "two", "three"] * 2
