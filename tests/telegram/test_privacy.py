"""`/privacy`: people are told what is kept of their chat, and have it erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_running import a_gateway, ready, settings_for, with_a_centre, workers

from okos.assistant.memory import Remembered, store_name, written

if TYPE_CHECKING:
    from datacentre import DataCentre
    from gateway_running import Taken


def remember(taken: Taken, mailbox: str, *texts: str) -> None:
    """Let these have been said."""
    store = taken.broker.store
    for text in texts:
        line = written(Remembered(id=text, user=text, assistant="yes"))
        store.client.rpush(store.key(f"store:l:{store_name(mailbox)}"), line)


def remembered(taken: Taken, mailbox: str) -> int:
    return len(taken.broker.read_list(store_name(mailbox)))


@with_a_centre
async def test_one_is_told_what_is_kept_and_has_it_erased(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with workers(url, namespace) as taken:
        for user in (alice, bob):
            remember(taken, f"telegram:{user.id}", "one", "two")
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "/privacy")
            await dc.until(lambda: len(dc.answers(alice)) == 1)
            told = dc.answers(alice)[-1]
            assert remembered(taken, f"telegram:{alice.id}") == 2
            dc.says(alice, "/privacy Erase")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            erased = dc.answers(alice)[-1]
    assert "2 now. They go 30 days after" in told
    assert "for 1 h at most" in told
    assert "/privacy erase" in told
    assert erased.startswith("Erased: 2 turns")
    assert remembered(taken, f"telegram:{alice.id}") == 0
    assert remembered(taken, f"telegram:{bob.id}") == 2
    assert taken.envelopes == []


@with_a_centre
async def test_in_a_group_an_admin_erases_and_nobody_else(dc: DataCentre, url: str, namespace: str) -> None:
    alice, boss = dc.add_user("Alice"), dc.add_user("Boss")
    group = dc.add_group("Group", [alice, boss])
    with workers(url, namespace) as taken:
        mailbox = f"telegram:{group.peer.chat_id}"
        remember(taken, mailbox, "one")
        settings = settings_for(dc, url, namespace, access={"admins": (boss.id,)})
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(group, "/privacy erase", by=alice)
            await dc.until(lambda: len(dc.answers(group)) == 1)
            refused, left = dc.answers(group)[-1], remembered(taken, mailbox)
            dc.says(group, "/privacy erase", by=boss)
            await dc.until(lambda: len(dc.answers(group)) == 2)
    assert "only those who run me" in refused
    assert left == 1
    assert remembered(taken, mailbox) == 0


@with_a_centre
async def test_a_command_that_telegram_tells_again_after_a_hole_erases_nothing_more(
    dc: DataCentre, url: str, namespace: str
) -> None:
    boss = dc.add_user("Boss")
    group = dc.add_supergroup("Group", [boss])
    settings = settings_for(dc, url, namespace, access={"admins": (boss.id,)})
    mailbox = f"telegram:{group.peer.chat_id}"
    with workers(url, namespace) as taken:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(group, "/privacy erase", by=boss)
            await dc.until(lambda: dc.answers(group))
        remember(taken, mailbox, "said since")
        # So that the command is the last message of the group, which is what comes in place of what was dropped.
        dc.deletes(dc.visible(group)[-1], form="unseen")
        dc.forget_changes(group)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await dc.until(lambda: dc.record.counts().get("updates.GetChannelDifference"))
            dc.says(group, "/privacy", by=boss)
            await dc.until(lambda: dc.answers(group))
    assert remembered(taken, mailbox) == 1
