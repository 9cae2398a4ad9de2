"""What Telegram's errors mean for a message."""

import pytest

from okos.telegram.library import Refused
from okos.telegram.verdict import Action, judge

NAMED = {
    (400, "MESSAGE_NOT_MODIFIED"): Action.DELIVERED,
    (420, "FLOOD_WAIT_X"): Action.LATER,
    (420, "SLOWMODE_WAIT_X"): Action.LATER,
    (420, "FLOOD_PREMIUM_WAIT_X"): Action.LATER,
    (500, "INTERNAL"): Action.LATER,
    (503, "Timeout"): Action.LATER,
    (-503, "Timeout"): Action.LATER,
    (500, "RANDOM_ID_DUPLICATE"): Action.LATER,
    (400, "USER_IS_BLOCKED"): Action.GIVE_UP,
    (403, "USER_IS_BLOCKED"): Action.GIVE_UP,
    (400, "INPUT_USER_DEACTIVATED"): Action.GIVE_UP,
    (400, "PEER_ID_INVALID"): Action.GIVE_UP,
    (403, "CHAT_WRITE_FORBIDDEN"): Action.GIVE_UP,
    (400, "CHANNEL_PRIVATE"): Action.GIVE_UP,
    (400, "TOPIC_DELETED"): Action.GIVE_UP,
    (400, "USER_BANNED_IN_CHANNEL"): Action.GIVE_UP,
    (400, "CHAT_RESTRICTED"): Action.GIVE_UP,
    (400, "SOMETHING_NEW"): Action.GIVE_UP,
    (400, "ENTITY_BOUNDS_INVALID"): Action.PLAIN,
    (400, "ENTITIES_TOO_LONG"): Action.PLAIN,
    (400, "REPLY_MESSAGE_ID_INVALID"): Action.NO_REPLY,
    (400, "MESSAGE_ID_INVALID"): Action.GONE,
    (401, "SESSION_REVOKED"): Action.STOP,
    (401, "AUTH_KEY_UNREGISTERED"): Action.STOP,
    (406, "AUTH_KEY_DUPLICATED"): Action.STOP,
    (400, "ACCESS_TOKEN_INVALID"): Action.STOP,
    (400, "API_ID_INVALID"): Action.STOP,
}


@pytest.mark.parametrize(("error", "action"), NAMED.items())
def test_each_error_has_its_meaning(error: tuple[int, str], action: Action) -> None:
    assert judge(Refused(*error), tries=0).action is action


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError(), OSError()])
def test_an_answer_that_did_not_come_is_for_later(error: Exception) -> None:
    assert judge(error, tries=0).action is Action.LATER


def test_telegram_says_how_long_it_wants_to_be_left_alone() -> None:
    assert judge(Refused(420, "FLOOD_WAIT_X", 60), tries=5).wait_ms == 60_000


def test_what_is_telegrams_own_trouble_is_tried_less_and_less_often() -> None:
    waits = [judge(Refused(500, "INTERNAL"), tries=tries).wait_ms for tries in (0, 1, 2, 6, 100)]
    assert waits == [500, 1_000, 2_000, 30_000, 30_000]


def test_the_line_is_most_often_back_at_once() -> None:
    assert [judge(TimeoutError(), tries=tries).wait_ms for tries in (0, 1, 2, 3, 100)] == [
        250,
        500,
        1_000,
        2_000,
        2_000,
    ]
