from __future__ import annotations

from typing import Any

import pytest

from okos.telegram.access import Access, command_of, is_for_us, without_our_name
from okos.telegram.reading import Incoming


def an_incoming(**about: Any) -> Incoming:
    fields: dict[str, Any] = {"id": 1, "place": "user", "place_id": 7, "sender": 7, "kind": "text", "sent_at_ms": 0}
    return Incoming(**fields | about)


GROUP = {"place": "channel", "place_id": 5}


def an_access(users: tuple[int, ...] = (), admins: tuple[int, ...] = (), groups: tuple[int, ...] = ()) -> Access:
    return Access(users=users, admins=admins, groups=groups)


@pytest.mark.parametrize(
    ("access", "about", "role"),
    [
        (an_access(), {}, "user"),
        (an_access(users=(8,)), {}, None),
        (an_access(users=(7,)), {}, "user"),
        (an_access(users=(8,), admins=(7,)), {}, "admin"),
        (an_access(users=(7,)), GROUP, "user"),
        (an_access(users=(8,)), GROUP, None),
        (an_access(users=(8,), groups=(-1_000_000_000_005,)), GROUP, "user"),
        (an_access(groups=(-1_000_000_000_006,)), GROUP, None),
        (an_access(admins=(7,), groups=(-1_000_000_000_006,)), GROUP, "admin"),
        (an_access(groups=(-5,)), {"place": "chat", "place_id": 5}, "user"),
        (an_access(users=(8,), groups=(7,)), {}, None),
    ],
)
def test_who_may(access: Access, about: dict[str, Any], role: str | None) -> None:
    assert access.role(an_incoming(**about)) == role


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/stop", "stop"),
        ("/STOP now", "stop"),
        ("/stop@okos_bot", "stop"),
        ("/stop@Okos_Bot please", "stop"),
        ("/stop@another_bot", None),
        ("/stop@okos_bot2", None),
        ("stop", None),
        (" /stop", None),
        ("/stop,", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_command_is_ours_unless_it_names_another(text: str, command: str | None) -> None:
    assert command_of(text, username="okos_bot") == command


@pytest.mark.parametrize(
    ("about", "ours"),
    [
        ({"text": "hello"}, False),
        ({"text": "@okos_bot hello"}, True),
        ({"text": "hello @OKOS_BOT!"}, True),
        ({"text": "hello @okos_bot2"}, False),
        ({"text": "mail me@okos_bot"}, False),
        ({"text": "hello", "mentioned": True}, True),
        ({"text": "hello", "mentions": (42,)}, True),
        ({"text": "hello", "mentions": (43,)}, False),
        ({"text": "/help"}, True),
        ({"text": "/help@another_bot @okos_bot"}, False),
        ({"text": "/help@another_bot", "mentioned": True}, False),
    ],
)
def test_what_is_for_us_in_a_group(about: dict[str, Any], ours: bool) -> None:  # noqa: FBT001 - the expectation
    assert is_for_us(an_incoming(**GROUP, **about), bot_id=42, username="okos_bot") is ours


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@okos_bot what time is it?", "what time is it?"),
        ("@Okos_Bot, what time is it?", "what time is it?"),
        ("what time is it, @okos_bot", "what time is it,"),
        ("ask @okos_bot about it", "ask @okos_bot about it"),
        ("/help@okos_bot me", "/help me"),
        ("@okos_bot", ""),
        ("plain", "plain"),
    ],
)
def test_our_name_is_taken_away_where_it_only_calls(text: str, left: str) -> None:
    assert without_our_name(text, username="okos_bot") == left
