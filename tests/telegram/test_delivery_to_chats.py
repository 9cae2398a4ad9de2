"""Where answers go, how fast, and what a chat sees meanwhile."""

from __future__ import annotations

import threading
from dataclasses import replace

from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from delivering import Turn, an_envelope, answering, fast_settings, post
from gateway_running import DEADLINE_S, a_gateway, ready, until, with_a_centre

SEND = "messages.SendMessage"


@with_a_centre
async def test_in_a_group_an_answer_quotes_its_question_and_in_a_topic_it_stays_there(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    forum = dc.add_supergroup("Forum", [alice], forum=True)
    topic = dc.add_topic(forum, "Topic", alice)
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace, groups="all")) as running:
            await ready(dc, running)
            asked = dc.says(group, "question 1.", by=alice)
            inside = dc.says(topic, "question 2.", by=alice)
            await dc.until(lambda: dc.answers(group) and dc.answers(forum))
    (answer,) = (message for message in dc.visible(group) if message.out)
    assert (answer.text, answer.reply_to, answer.topic) == ("re: question 1.", asked.id, None)
    (answer,) = (message for message in dc.visible(forum) if message.out)
    assert (answer.text, answer.reply_to, answer.topic) == ("re: question 2.", inside.id, topic.id)


@with_a_centre
async def test_a_long_answer_comes_in_parts_in_order_and_formatted(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    code = "".join(f"line_{number} = vector<int>\n" for number in range(250))
    text = f"question 1.\n\n```cpp\n{code}```\n\n" + "**word** and _more_. " * 300
    with answering(url, namespace, lambda _: [text, "and one more"]):
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice)[-1:] == ["and one more"])
    said = [message for message in dc.visible(alice) if message.out]
    plain = f"question 1.\n\n{code}\n\n" + "word and more. " * 300 + "and one more"
    assert "".join("".join(message.text for message in said).split()) == "".join(plain.split())
    kinds = {entity.kind for message in said for entity in message.entities}
    assert kinds == {"Pre", "Bold", "Italic"}
    assert len(said) > 3


@with_a_centre
async def test_a_chat_is_spoken_to_no_faster_than_it_may_be(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace, per_chat_ms=300)) as running:
            await ready(dc, running)
            for number in range(4):
                dc.says(alice, f"question {number}.")
                dc.says(bob, f"question {number}.")
            await dc.until(lambda: all(len(dc.answers(one)) == 4 for one in (alice, bob)))
            assert broker.stats().retried == 0
    for one in (alice, bob):
        # What is measured is a call's arrival, which may be late: the first one left after its question came.
        asked_s = dc.record.of("heard", one.peer)[0].at_s
        times = [event.at_s - asked_s for event in dc.record.of("said", one.peer)]
        assert all(came_s >= 0.299 * number for number, came_s in enumerate(times))
    assert dc.violations() == []


@with_a_centre
async def test_all_chats_together_are_spoken_to_no_faster_than_they_may_be(
    dc: DataCentre, url: str, namespace: str
) -> None:
    people = [dc.add_user(f"User{number}") for number in range(30)]
    with answering(url, namespace):
        async with a_gateway(fast_settings(dc, url, namespace, per_second=20)) as running:
            await ready(dc, running)
            for one in people:
                dc.says(one, "question 1.")
            await dc.until(lambda: all(dc.answers(one) for one in people))
    # As above; to the millisecond.
    assert dc.record.of("said")[20].at_s - dc.record.of("heard")[0].at_s >= 0.999
    assert dc.violations() == []


@with_a_centre
async def test_a_chat_sees_that_its_message_is_worked_on_and_no_longer(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, goes_on = dc.add_user("Alice"), threading.Event()

    def answer(turn: Turn) -> list[str]:
        goes_on.wait(DEADLINE_S)
        return [f"re: {turn.text}"]

    with answering(url, namespace, answer) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await until(lambda: len(dc.record.of("typing", alice.peer)) >= 2)
            first, second, *_ = dc.record.of("typing", alice.peer)
            assert second.at_s - first.at_s >= 4
            goes_on.set()
            await dc.until(lambda: dc.answers(alice))
            await until(lambda: broker.stats().waiting + broker.stats().running == 0)
            shown = len(dc.record.of("typing"))
            # An answer that comes at once needs none.
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    asked_s = dc.record.of("heard", alice.peer)[1].at_s
    assert [one for one in dc.record.of("typing")[shown:] if one.at_s < asked_s + 0.5] == []


@with_a_centre
async def test_what_was_written_while_no_gateway_ran_is_said_when_one_does(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    settings = fast_settings(dc, url, namespace)
    with answering(url, namespace) as broker:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            question = dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice))
        records = post(broker, an_envelope(question, number=1_000), "reminder 1", "reminder 2")
        assert len(set(records)) == 2
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: dc.answers(alice) == ["re: question 1.", "reminder 1", "reminder 2"])


@with_a_centre
async def test_what_is_no_reply_is_given_up_at_once(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            question = dc.says(alice, "question 1.")
            post(broker, replace(an_envelope(question, number=1_000), address={"kind": "nowhere"}), "lost")
            await until(lambda: broker.stats().dead == 1)
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            (letter,) = broker.failed()
            assert "names no chat" in letter.error


@with_a_centre
async def test_what_is_delivered_is_counted_and_timed_and_is_no_turn(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    dc.fail(SEND, 420, "FLOOD_WAIT_1")
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            dc.says(alice, "question 2.")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            await until(lambda: "deliver" in broker.measures().actors)
            await until(lambda: broker.measures().actors["deliver"].outcomes.get("ok") == 2)
            measures = broker.measures()
    delivered = measures.actors["deliver"]
    assert delivered.outcomes == {"ok": 2, "deferred": 1}
    assert (delivered.run.count, delivered.wait.count) == (3, 2)
    assert measures.outcomes == {}, "no worker measured here"
