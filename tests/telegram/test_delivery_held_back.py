"""Telegram wants the bot to wait, or to sign in anew: nothing is lost meanwhile, and nothing is asked of it."""

from __future__ import annotations

import threading

import pytest
from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from delivering import Turn, answering, fast_settings, to_chat
from gateway_running import DEADLINE_S, a_gateway, ready, until, with_a_centre

from okos.telegram.gateway import Gateway
from okos.telegram.session import NotLetIn

SEND = "messages.SendMessage"


@with_a_centre
async def test_a_flood_wait_of_minutes_is_kept_by_the_engine_and_no_call_is_made_there(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    flood = dc.fail(SEND, 420, "FLOOD_WAIT_600", fits=to_chat(alice))
    with answering(url, namespace) as broker:
        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 0.")
            await dc.until(lambda: flood.met)
            outbox = f"outbox.telegram.{alice.id}"
            await until(lambda: broker.mailbox(outbox).place == "timed")
            calls = len(dc.record.calls)
            dc.says(alice, "question 1.")
            for number in range(3):
                dc.says(bob, f"question {number}.")
                await dc.until(lambda number=number: len(dc.answers(bob)) == number + 1)  # type: ignore[misc]
            await until(lambda: broker.mailbox(outbox).length == 2)
            wait_ms = broker.mailbox(outbox).due_in_ms
            assert wait_ms is not None
            assert 400_000 < wait_ms <= 600_000
            assert [call.name for call in dc.record.calls[calls:] if call.peer == alice.peer] == []
            assert broker.stats().retried == 0
            assert broker.mailbox(outbox).messages[0].attempts == 0


@pytest.mark.parametrize("name", ["AUTH_KEY_UNREGISTERED", "SESSION_REVOKED"])
def test_a_session_that_ends_during_delivery_loses_no_answer(name: str, url: str, namespace: str) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        alice, goes_on = dc.add_user("Alice"), threading.Event()

        def answer(turn: Turn) -> list[str]:
            goes_on.wait(DEADLINE_S)
            return [f"re: {turn.text}"]

        settings = fast_settings(dc, url, namespace)
        with answering(url, namespace, answer) as broker:
            async with a_gateway(settings) as running:
                await ready(dc, running)
                dc.says(alice, "question 0.")
                dc.says(alice, "question 1.")
                await until(lambda: broker.stats().running == 1 and broker.stats().accepted == 2)
                dc.revoke(name)
                goes_on.set()
                with pytest.raises(NotLetIn, match=rf"{name}.*okos gateway --sign-in"):
                    await running
            calls = len(dc.record.calls)
            for _ in range(3):
                with pytest.raises(NotLetIn, match="is not asked again"):
                    await Gateway(settings).run()
            assert len(dc.record.calls) == calls, "Telegram is left alone"
            assert dc.answers(alice) == []
            assert broker.stats().dead == 0
            await Gateway(settings).sign_in()
            async with a_gateway(settings):
                await dc.until(lambda: len(dc.answers(alice)) == 2, DEADLINE_S)
        assert dc.violations() == []
        assert dc.record.counts()["auth.ImportBotAuthorization"] == 2

    play()
