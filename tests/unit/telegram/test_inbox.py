from __future__ import annotations

import asyncio
from typing import Any

from okos.telegram.inbox import Inbox
from okos.telegram.library import T


def taken(inbox: Inbox, *, most: int = 10) -> list[Any]:
    return asyncio.run(inbox.take(most=most, timeout_s=0.01))


def test_what_came_comes_out_in_its_order_and_in_parts() -> None:
    inbox = Inbox(10)
    for number in range(3):
        inbox.put(number)

    assert taken(inbox, most=2) == [0, 1]
    assert taken(inbox, most=2) == [2]
    assert taken(inbox) == []


def test_when_it_is_full_what_comes_is_left_to_the_difference() -> None:
    inbox = Inbox(2)
    for number in range(5):
        inbox.put(number)

    assert inbox.is_full
    assert taken(inbox, most=1) == [0]
    kept, rest = taken(inbox, most=10)
    assert kept == 1
    assert isinstance(rest, T.UpdatesTooLong)
    assert taken(inbox) == []


def test_what_comes_after_something_was_dropped_comes_after_the_difference() -> None:
    inbox = Inbox(1)
    inbox.put("a")
    inbox.put("dropped")

    kept, rest = taken(inbox)
    inbox.put("b")

    assert kept == "a"
    assert isinstance(rest, T.UpdatesTooLong)
    assert taken(inbox) == ["b"]
