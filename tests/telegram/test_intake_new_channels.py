"""A supergroup that the gateway has not met, or knows too little of: what is for the bot there is answered once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers
from pyrogram import raw
from structlog.testing import capture_logs
from test_intake_crashes import Killed

if TYPE_CHECKING:
    from pathlib import Path

    from datacentre import DataCentre
    from datacentre.core import Form
    from redis import Redis

T: Any = raw.types


@pytest.mark.parametrize("form", ["full", "min", "too_long"])
def test_what_came_before_the_first_update_that_arrives_is_answered(form: Form, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        group = dc.add_supergroup("Group", [alice], with_bot=False)
        with workers(url, namespace) as taken:
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running)
                dc.adds_bot(group, alice, form="unseen")
                dc.says(group, f"@{dc.bot.username} one", by=alice, form="unseen")
                dc.says(group, f"@{dc.bot.username} two", by=alice, form=form)
                await dc.until(lambda: len(dc.answers(group)) == 2)
                dc.says(group, f"@{dc.bot.username} three", by=alice, form=form)
                await dc.until(lambda: len(dc.answers(group)) == 3)
        assert taken.texts() == ["one", "two", "three"]
        assert dc.answers(group) == ["re: one", "re: two", "re: three"]
        assert dc.violations() == []

    play()


@with_a_centre
async def test_that_much_came_but_not_how_much_is_asked_for(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice], with_bot=False)
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.adds_bot(group, alice, form="unseen")
            dc.says(group, f"@{dc.bot.username} one", by=alice, form="unseen")
            dc.push(T.UpdateShort(update=T.UpdateChannelTooLong(channel_id=group.id), date=int(time.time())))
            await dc.until(lambda: dc.answers(group))
    assert taken.texts() == ["one"]


@pytest.mark.parametrize("form", ["full", "min"])
def test_where_telegram_tells_nothing_more_what_came_is_answered_and_the_hole_is_said(
    form: Form, url: str, namespace: str
) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        group = dc.add_supergroup("Group", [alice], with_bot=False)
        dc.fail("updates.GetChannelDifference", 400, "CHANNEL_INVALID", times=None)
        with workers(url, namespace) as taken, capture_logs() as logs:
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running)
                dc.adds_bot(group, alice, form="unseen")
                dc.says(group, f"@{dc.bot.username} one", by=alice, form=form)
                dc.says(group, "for others", by=alice, form="unseen")
                dc.says(group, f"@{dc.bot.username} two", by=alice, form=form)
                dc.says(group, f"@{dc.bot.username} three", by=alice, form=form)
                await dc.until(lambda: len(dc.answers(group)) == 3)
        assert taken.texts() == ["one", "two", "three"]
        assert dc.answers(group) == ["re: one", "re: two", "re: three"]
        assert any(one["log_level"] == "error" and one.get("box") == group.id for one in logs)

    play()


@pytest.mark.parametrize("noise", [20, 150])
def test_of_a_long_history_only_what_came_after_the_bot_did_is_answered(noise: int, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        name = dc.bot.username
        group = dc.add_supergroup("Group", [alice], with_bot=False)
        for number in range(150):
            dc.says(group, f"@{name} old {number}", by=alice, ago_s=60)
        dc.slice_size = 50
        with workers(url, namespace) as taken:
            async with a_gateway(settings_for(dc, url, namespace)) as running:
                await ready(dc, running)
                dc.adds_bot(group, alice, form="unseen")
                dc.says(group, f"@{name} first", by=alice, form="unseen")
                for number in range(noise):
                    dc.says(group, f"noise {number}", by=alice, form="unseen")
                dc.says(group, f"@{name} last", by=alice)
                await dc.until(lambda: len(dc.answers(group)) >= 2)
                dc.says(group, f"@{name} after", by=alice)
                await dc.until(lambda: len(dc.answers(group)) >= 3)
        assert taken.texts() == ["first", "last", "after"]

    play()


@with_a_centre
async def test_what_was_said_to_the_bot_before_its_first_start_ever_is_not_answered(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    group.joined_s = int(time.time()) - 3_600
    dc.says(group, f"@{dc.bot.username} is anybody there?", by=alice, ago_s=60)
    with workers(url, namespace) as taken:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(group, f"@{dc.bot.username} hello", by=alice)
            await dc.until(lambda: dc.answers(group))
    assert taken.texts() == ["hello"]


@pytest.mark.parametrize("form", ["full", "min"])
def test_a_group_that_the_bot_was_added_to_while_the_gateway_was_away(form: Form, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice = dc.add_user("Alice")
        group = dc.add_supergroup("Group", [alice], with_bot=False)
        dc.says(group, f"@{dc.bot.username} old", by=alice, ago_s=60)
        settings = settings_for(dc, url, namespace)
        with workers(url, namespace) as taken:
            async with a_gateway(settings) as running:
                await ready(dc, running)
            dc.adds_bot(group, alice, form=form)
            dc.says(group, f"@{dc.bot.username} one", by=alice, form=form)
            async with a_gateway(settings) as running:
                await ready(dc, running, times=2)
                await dc.until(lambda: dc.answers(group))
            async with a_gateway(settings) as running:
                await ready(dc, running, times=3)
                dc.says(group, f"@{dc.bot.username} two", by=alice, form=form)
                await dc.until(lambda: len(dc.answers(group)) == 2)
        assert taken.texts() == ["one", "two"]
        assert dc.answers(group) == ["re: one", "re: two"]

    play()


@with_a_centre
async def test_killed_with_a_new_groups_first_message_in_hand(
    dc: DataCentre, url: str, admin: Redis, namespace: str, tmp_path: Path
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice], with_bot=False)
    gateway = Killed(settings_for(dc, url, namespace, lease_ms=1_000), tmp_path / "home")
    with workers(url, namespace):
        try:
            gateway.start()
            await ready(dc)
            dc.says(alice, "1")
            await dc.until(lambda: dc.answers(alice))
            # No script gets through: what is received cannot be published.
            admin.config_set("maxmemory", "1")
            dc.adds_bot(group, alice)
            dc.says(group, f"@{dc.bot.username} one", by=alice)
            await dc.until(lambda: dc.record.counts().get("updates.GetChannelDifference"))
            await asyncio.sleep(0.3)
            gateway.kill()
            admin.config_set("maxmemory", "0")
            gateway.start()
            await dc.until(lambda: dc.answers(group), 60)
        finally:
            admin.config_set("maxmemory", "0")
            gateway.kill()
    assert dc.answers(group) == ["re: one"]
    assert dc.violations() == []


@with_a_centre
async def test_what_is_deleted_or_edited_in_a_group_while_the_gateway_is_away(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    settings = settings_for(dc, url, namespace, telegram={"groups": "all"})
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings) as running:
            await ready(dc, running)
            dc.says(group, "runs", by=alice)
            gone, edited = (dc.says(group, text, by=alice) for text in ("deleted", "edited"))
            await until(lambda: taken.envelopes and taken.waiting() == 3)
        # The deletion last: when it is done, the edit is, too.
        dc.edits(edited, "edited since")
        dc.deletes(gone)
        async with a_gateway(settings) as running:
            await ready(dc, running, times=2)
            await until(lambda: running.done() or taken.waiting() == 2)
            taken.go_on.set()
            await dc.until(lambda: len(dc.answers(group)) == 2)
    assert taken.texts() == ["runs", "edited since"]


@with_a_centre
async def test_what_is_in_hand_when_telegram_has_dropped_the_rest_is_answered(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken, capture_logs() as logs:
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            asked = dc.hold("updates.GetDifference")
            dc.says(alice, "too little is told of me", form="min")
            await until(lambda: asked.met)
            dc.forget_changes(alice)
            dc.let_go(asked)
            await dc.until(lambda: dc.answers(alice))
            dc.says(alice, "after")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
    assert taken.texts() == ["too little is told of me", "after"]
    assert any("dropped" in one["event"] for one in logs)
