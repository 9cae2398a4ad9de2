"""All of Okos on one machine, with a bot: `okos up` answers what people write."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from datacentre.samples import PHOTO
from gateway_running import settings_for, with_a_centre

from okos.settings import child_environment

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
        dc.sends_document(alice, b"a file", "notes.txt")
        await dc.until(lambda: len(dc.answers(alice)) == 4)
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
    text, photo, sticker, _ = dc.answers(alice)
    assert "hello" in text
    assert "your photo" in photo
    assert "🎉" in sticker
    assert up.returncode == 0
    assert f"the gateway of @{dc.bot.username}" in doctor.stdout
    assert "the clock is right" in doctor.stdout
    assert "everybody may talk to the bot" in doctor.stdout
