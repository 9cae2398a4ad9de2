"""docs/redis.md lists what the gateway keeps: whatever it writes is held against its table."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING

import pytest
from datacentre.samples import PHOTO
from delivering import Turn, an_envelope, answering, fast_settings, without_drafts
from gateway_running import DEADLINE_S, a_gateway, ready, until, with_a_centre
from real_server import a_server
from witness import PAGE, TYPES, Witness, documented, pattern_of, rows

from okos.envelope import Attachment, Reply
from okos.outbox import posted
from okos.telegram.gateway import Gateway
from okos.telegram.session import NotLetIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datacentre import DataCentre

    from okos.mailbox import MailboxBroker

STORED = "{okos}:store:s:"


def listed() -> set[str]:
    """Read the names of the gateway's table."""
    table = PAGE.read_text(encoding="utf-8").partition("## What the gateway keeps")[2].partition("\n## ")[0]
    cells = re.findall(r"(?m)^\| (`telegram:[^|]+) \|", table)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def row_of(key: str) -> str | None:
    """Find the row that lists a key of the gateway's; the most literal one that fits."""
    name = key.removeprefix(STORED)
    fits = [row for row in listed() if pattern_of(row).fullmatch(name)]
    return max(fits, key=len, default=None)


@with_a_centre
async def play(dc: DataCentre, url: str) -> None:
    """Let a gateway do everything that it keeps something of."""
    alice = dc.add_user("Alice")
    group = dc.add_supergroup("Group", [alice])
    settings = fast_settings(dc, url, "okos", groups="all")
    goes_on = threading.Event()

    def answer(turn: Turn) -> list[str]:
        while not goes_on.wait(0.05):
            turn.show(f"re: {turn.text[:20]}")
        return [f"re: {turn.text} " + "word " * 2_000]

    without_drafts(dc)
    dc.fail("auth.ImportBotAuthorization", 420, "FLOOD_WAIT_1")
    with answering(url, "okos", answer) as broker:
        async with a_gateway(settings) as running:
            await ready(dc, running)
            question = dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice))
            goes_on.set()
            await dc.until(lambda: len(dc.answers(alice)) == 3)
            dc.says(group, "question 2.", by=alice)
            await dc.until(lambda: len(dc.answers(group)) == 3)
            dc.sends_album(alice, [PHOTO, PHOTO])
            name = "reply:1:1:0"
            broker.write(name, PHOTO, ttl_ms=60_000)
            file = Attachment(name=name, mime="image/jpeg", file_name=None, size_bytes=len(PHOTO))
            envelope = an_envelope(question, number=1_000)
            reply = Reply(
                envelope_id=envelope.id, chat=envelope.chat, text="", last=True, kind="photo", attachment=file
            )
            broker.enqueue(posted(envelope, reply))
            await dc.until(lambda: [one for one in dc.visible(alice) if one.out and one.media])
            async with a_gateway(settings, stands_by=True):
                await until(lambda: is_stood_by(broker, dc))
                running.cancel()
                await asyncio.wait({running})
        dc.revoke()
        with pytest.raises(NotLetIn):
            await Gateway(settings).run()


def is_stood_by(broker: MailboxBroker, dc: DataCentre) -> bool:
    return broker.read(f"telegram:{dc.bot.id}:standby") is not None


@pytest.fixture(scope="module")
def gateway_witness() -> Iterator[Witness]:
    """Let a gateway do all that it can, once, in front of a witness."""
    with a_server() as server:
        witness = Witness(server.admin_url)
        play(server.url)
        witness.hear()
        yield witness
        witness.close()


@pytest.mark.timeout(3 * DEADLINE_S)
def test_every_key_of_the_gateway_is_documented(gateway_witness: Witness) -> None:
    telegram = {key for key in gateway_witness.keys if key.startswith(f"{STORED}telegram:")}

    assert telegram
    assert sorted(key for key in telegram if row_of(key) is None) == []
    assert sorted(key for key in gateway_witness.keys if documented(key) is None) == []


def test_every_row_of_the_gateways_table_is_used(gateway_witness: Witness) -> None:
    used = {row_of(key) for key in gateway_witness.keys if key.startswith(STORED)}

    assert sorted(listed() - used) == []


def test_every_key_of_a_gateway_has_its_type(gateway_witness: Witness) -> None:
    wrong = {
        (documented(key), TYPES[event])
        for key, events in gateway_witness.keys.items()
        for event in events & set(TYPES)
        if rows()[documented(key) or ""][0] != TYPES[event]
    }

    assert wrong == set()
