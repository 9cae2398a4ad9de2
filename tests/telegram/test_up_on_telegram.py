"""All of Okos on one machine, with a bot: `okos up` answers what people write."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from datacentre.samples import PHOTO
from gateway_running import settings_for, with_a_centre
from telemetry_receiver import a_receiver

from okos.settings import Tracing, child_environment

if TYPE_CHECKING:
    from pathlib import Path

    from datacentre import DataCentre

    from okos.settings import Settings


def start_up(settings: Settings, log: Path) -> subprocess.Popen[bytes]:
    """Start `okos up` as a person would."""
    with log.open("ab") as written:
        command = [sys.executable, "-m", "okos", "up"]
        return subprocess.Popen(command, env=child_environment(settings), stdout=written, stderr=written)


@with_a_centre
async def test_okos_up_with_a_token_answers_on_telegram(dc: DataCentre, tmp_path: Path) -> None:
    settings = settings_for(dc, None, "okos", home=tmp_path / "home")
    alice = dc.add_user("Alice")
    up = start_up(settings, tmp_path / "log")
    try:
        await dc.until(lambda: dc.record.counts()["bots.SetBotCommands"])
        dc.says(alice, "hello")
        dc.sends_photo(alice, PHOTO, "look")
        dc.sends_sticker(alice, "🎉")
        dc.sends_document(alice, b"what it says", "notes.txt")
        dc.sends_video(alice)
        await dc.until(lambda: len(dc.answers(alice)) == 5)
        # An answer is previewed; what counts is how it ends.
        await dc.until(lambda: "I can't read that kind" in dc.answers(alice)[-1])
        doctor = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "okos", "doctor"],
            env=child_environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        up.send_signal(signal.SIGINT)
        await asyncio.to_thread(up.wait, 60)
    text, photo, sticker, document, _ = dc.answers(alice)
    assert "hello" in text
    assert "your photo" in photo
    assert "🎉" in sticker
    assert "[notes.txt] what it says" in document
    assert up.returncode == 0
    assert f"the gateway of @{dc.bot.username}" in doctor.stdout
    assert "the clock is right" in doctor.stdout
    assert "everybody may talk to the bot" in doctor.stdout


@with_a_centre
async def test_a_trace_goes_from_the_gateway_through_the_worker_to_the_chat(dc: DataCentre, tmp_path: Path) -> None:
    alice = dc.add_user("Alice")
    with a_receiver() as receiver:
        tracing = Tracing(endpoint=receiver.url, sample_ratio=1.0)
        up = start_up(settings_for(dc, None, "okos", home=tmp_path / "home", tracing=tracing), tmp_path / "log")
        try:
            await dc.until(lambda: dc.record.counts()["bots.SetBotCommands"])
            dc.says(alice, "the walrus")
            await dc.until(lambda: len(dc.answers(alice)) == 1)
            dc.sends_photo(alice, PHOTO, "the carpenter")
            await dc.until(lambda: len(dc.answers(alice)) == 2)
            # What is behind it is answered when the answer to the photo is whole and settled.
            dc.says(alice, "the oysters")
            await dc.until(lambda: len(dc.answers(alice)) == 3)
        finally:
            up.send_signal(signal.SIGINT)
            await asyncio.to_thread(up.wait, 60)
    spans = receiver.spans()
    traces = [{span.name for span in spans if span.trace_id == trace} for trace in {span.trace_id for span in spans}]
    answering = {"model", *(f"{what} outbox.telegram" for what in ("publish", "wait", "settle")), "run deliver"}
    for kind in ("text", "photo"):
        assert answering | {f"{what} {kind}" for what in ("publish", "wait", "run", "settle")} in traces
    assert {f"{what} download" for what in ("publish", "wait", "run", "settle")} in traces
    assert not re.search(rb"walrus|carpenter|oysters", b"".join(receiver.bodies))
