from __future__ import annotations

import asyncio

from okos.telegram.line import LASTED_MS, Line, wait_ms


def test_the_wait_grows_from_the_third_short_connection_on_up_to_half_a_minute() -> None:
    assert [wait_ms(short_ones) for short_ones in (0, 1, 2, 3, 4, 8, 30)] == [0, 0, 500, 1_000, 2_000, 30_000, 30_000]


def test_one_that_lasted_begins_anew() -> None:
    now_ms = 0
    line = Line(None, now_ms=lambda: now_ms)

    async def connect() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await line.wait_turn()
        return loop.time() - begun

    async def play() -> list[bool]:
        nonlocal now_ms
        waits = []
        for pause_ms in (0, LASTED_MS - 1, LASTED_MS - 1, LASTED_MS):
            now_ms += pause_ms
            waits.append(await connect() > 0.4)
        return waits

    assert asyncio.run(play()) == [False, False, True, False]


def test_a_forgotten_key_is_told_from_other_refusals() -> None:
    async def play() -> list[bool]:
        line = Line(None, now_ms=lambda: 0)
        seen = []
        for code in (429, 404):
            line.hear_error(code)
            seen.append(line.forgotten.is_set())
        return seen

    assert asyncio.run(play()) == [False, True]
