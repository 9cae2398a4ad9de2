from __future__ import annotations

import pytest

from okos.telegram.client import SessionForgotten
from okos.telegram.credentials import Credentials
from okos.telegram.library import Refused
from okos.telegram.session import in_words


@pytest.mark.parametrize(
    ("problem", "to_do"),
    [
        (Refused(400, "ACCESS_TOKEN_INVALID"), "@BotFather"),
        (Refused(400, "API_ID_INVALID"), "my.telegram.org"),
        (Refused(401, "SESSION_REVOKED"), "okos gateway --sign-in"),
        (Refused(401, "AUTH_KEY_UNREGISTERED"), "okos gateway --sign-in"),
        (Refused(406, "AUTH_KEY_DUPLICATED"), "stop the other one"),
        (SessionForgotten("gone"), "okos gateway --sign-in"),
        (Refused(500, "INTERNAL"), "try again later"),
    ],
)
def test_each_refusal_says_what_to_do_in_one_line(problem: Refused | SessionForgotten, to_do: str) -> None:
    line = in_words(problem, 42)

    assert to_do in line
    assert "\n" not in line


def test_a_wait_is_told_in_milliseconds() -> None:
    assert Refused(420, "FLOOD_WAIT_X", 3).wait_ms == 3_000
    assert Refused(400, "FILE_MIGRATE_X", 3).wait_ms is None
    assert str(Refused(420, "FLOOD_WAIT_X", 3)) == "Telegram refuses: FLOOD_WAIT_3 (420)"


def test_what_was_refused_is_named_without_being_told() -> None:
    credentials = Credentials(token="42:secret", api_id=1, api_hash="hash")  # noqa: S106 - none

    asked = credentials.fingerprint("session")

    assert asked == credentials.fingerprint("session")
    assert asked != credentials.fingerprint(None)
    assert "secret" not in asked
