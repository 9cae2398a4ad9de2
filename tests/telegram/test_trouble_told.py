"""What `okos gateway` and `okos doctor` say in trouble: a line with what to do, and an exit status; no traceback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from gateway_running import DEADLINE_S, a_gateway, ready, settings_for, until, with_a_centre

from okos.settings import child_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from datacentre import DataCentre

    from okos.settings import Settings


async def okos(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a person would."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "okos", *arguments],
        env=child_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


async def gateway_line(settings: Settings, *options: str) -> str:
    """Tell the line with which `okos gateway` ends; what comes before it is its log."""
    ended = await okos(settings, "gateway", *options)
    assert ended.returncode == 1
    *log, line = ended.stderr.splitlines()
    assert line.startswith("okos: "), "it is the last line"
    assert all(json.loads(one)["event"] for one in log), "a log of objects, and no traceback"
    return line


async def finding(settings: Settings, name: str) -> tuple[str, str]:
    """Tell how `okos doctor` grades a thing, and in which words."""
    ended = await okos(settings, "doctor", "--json")
    seen = json.loads(ended.stdout)
    assert ended.stderr == ""
    assert ended.returncode == (0 if seen["ok"] else 1)
    return next((one["grade"], one["text"]) for one in seen["findings"] if one["name"] == name)


@contextlib.asynccontextmanager
async def a_gateway_process(settings: Settings, log: Path) -> AsyncIterator[None]:
    """Run `okos gateway` until SIGTERM ends it."""
    with log.open("wb") as written:
        command = (sys.executable, "-m", "okos", "gateway")
        process = await asyncio.create_subprocess_exec(*command, env=child_environment(settings), stderr=written)
    try:
        yield
    finally:
        process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            assert await process.wait() == 0


@with_a_centre
async def test_a_refused_token_is_told(dc: DataCentre, url: str, namespace: str, tmp_path: Path) -> None:
    settings = settings_for(dc, url, namespace, home=tmp_path)
    dc.revoke_token()

    assert "ask @BotFather for the current one" in await gateway_line(settings)
    grade, text = await finding(settings, "session")

    assert (grade, "ask @BotFather for the current one" in text) == ("fault", True)


@with_a_centre
async def test_a_revoked_session_is_told(dc: DataCentre, url: str, namespace: str, tmp_path: Path) -> None:
    settings = settings_for(dc, url, namespace, home=tmp_path)
    async with a_gateway(settings) as running:
        await ready(dc, running)
    dc.revoke()

    assert "sign in anew: okos gateway --sign-in" in await gateway_line(settings)
    grade, text = await finding(settings, "session")
    signed_in = await okos(settings, "gateway", "--sign-in")

    assert (grade, "okos gateway --sign-in" in text) == ("fault", True)
    assert (signed_in.returncode, f"Signed in as @{dc.bot.username}" in signed_in.stdout) == (0, True)
    assert "signed in; no gateway runs" in (await finding(settings, "session"))[1]


@with_a_centre
async def test_a_wait_at_sign_in_is_told_and_outlives_a_restart(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    settings, log = settings_for(dc, url, namespace, home=tmp_path), tmp_path / "log"
    asked_to_wait = dc.fail("auth.ImportBotAuthorization", 420, "FLOOD_WAIT_1800")

    async with a_gateway_process(settings, log):
        await until(lambda: "waiting for that" in log.read_text())
        grade, text = await finding(settings, "session")
    async with a_gateway_process(settings, log):
        await until(lambda: "waiting for that" in log.read_text())

    assert asked_to_wait.met == 1
    assert dc.record.counts()["auth.ImportBotAuthorization"] == 1, "Telegram is left alone"
    assert grade == "warning"
    assert "sign in only at" in text
    assert "no gateway runs" in (await finding(settings, "session"))[1]


@with_a_centre
async def test_a_held_lease_is_told(dc: DataCentre, url: str, namespace: str, tmp_path: Path) -> None:
    settings = settings_for(dc, url, namespace, home=tmp_path)
    async with a_gateway(settings) as running:
        await ready(dc, running)

        assert "stop that one" in await gateway_line(settings)
        assert "stop that one" in await gateway_line(settings, "--sign-in")
        grade, text = await finding(settings, "session")

    assert (grade, f"the gateway of @{dc.bot.username}" in text) == ("ok", True)


@with_a_centre
async def test_a_data_centre_that_does_not_answer_is_told(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    settings, log = settings_for(dc, url, namespace, home=tmp_path), tmp_path / "log"
    await dc.stop()

    async with a_gateway_process(settings, log):
        await until(lambda: f"still not connected: no connection to {dc.address}" in log.read_text())
        grade, text = await finding(settings, "data centre")
        session = await finding(settings, "session")

    assert (grade, text.startswith(f"no data centre at {dc.address}")) == ("fault", True)
    assert session[0] == "warning"
    assert "is the gateway, and is not connected yet" in session[1]
    await dc.start()


def test_what_is_no_data_centre_is_told(url: str, namespace: str, tmp_path: Path) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        async with something_else() as address:
            settings = settings_for(dc, url, namespace, home=tmp_path, telegram={"dc_address": address})

            assert "OKOS_TELEGRAM__DC_ADDRESS" in await gateway_line(settings)
            grade, text = await finding(settings, "data centre")

        assert (grade, "what answers there is no data centre" in text) == ("fault", True)

    play()


@contextlib.asynccontextmanager
async def something_else() -> AsyncIterator[str]:
    """Answer as a web server does that is asked in another language."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("key", ["missing", "garbage", "another"])
def test_a_wrong_key_is_told(key: str, url: str, namespace: str, tmp_path: Path) -> None:
    @with_a_centre
    async def play(dc: DataCentre) -> None:
        path = tmp_path / f"{key}.pem"
        settings = settings_for(dc, url, namespace, home=tmp_path, telegram={"dc_public_key": path})
        if key == "garbage":
            path.write_text("-----BEGIN CERTIFICATE-----")
        if key == "another":
            path.write_text(another_key(dc.public_key_path))

        line = await gateway_line(settings)
        grade, text = await finding(settings, "data centre")

        assert (grade, str(path) in text) == ("fault", True)
        assert str(path) in line or "OKOS_TELEGRAM__DC_PUBLIC_KEY" in line

    play()


def another_key(path: Path) -> str:
    """Change one byte of a key."""
    begin, *body, end = path.read_text(encoding="ascii").splitlines()
    der = bytearray(base64.b64decode("".join(body)))
    der[len(der) // 2] ^= 2
    return "\n".join([begin, base64.b64encode(der).decode(), end, ""])


@with_a_centre
async def test_okos_up_does_not_start_with_a_key_that_cannot_be_read(
    dc: DataCentre, url: str, namespace: str, tmp_path: Path
) -> None:
    missing = tmp_path / "missing.pem"
    settings = settings_for(dc, url, namespace, home=tmp_path, telegram={"dc_public_key": missing})

    ended = await okos(settings, "up")

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"okos: the data centre's key {missing} cannot be read")
