"""How fast the bot may speak."""

from hypothesis import given
from hypothesis import strategies as st

from okos.settings import Telegram
from okos.telegram.pace import Pace


def a_pace(**numbers: int) -> Pace:
    return Pace(
        Telegram().model_copy(update={"per_chat_ms": 1_000, "per_group_per_minute": 20, "per_second": 30, **numbers})
    )


def test_a_chat_hears_one_message_a_second() -> None:
    pace = a_pace()
    assert [pace.take("7", is_group=False, now_ms=now) for now in (0, 1, 999, 1_000, 1_001)] == [0, 999, 1, 0, 999]


def test_one_chat_does_not_wait_for_another() -> None:
    pace = a_pace()
    assert [pace.take(chat, is_group=False, now_ms=0) for chat in ("7", "8", "9")] == [0, 0, 0]


def test_what_must_wait_is_not_counted() -> None:
    pace = a_pace(per_second=1)
    assert pace.take("7", is_group=False, now_ms=0) == 0
    assert [pace.take("8", is_group=False, now_ms=now) for now in (1, 2, 3)] == [999, 998, 997]
    assert pace.take("8", is_group=False, now_ms=1_000) == 0


def test_a_group_hears_twenty_in_a_minute() -> None:
    pace = a_pace(per_chat_ms=0)
    assert [pace.take("-5", is_group=True, now_ms=number) for number in range(21)] == [0] * 20 + [59_980]
    assert pace.take("-5", is_group=True, now_ms=60_000) == 0
    assert pace.take("7", is_group=False, now_ms=60_000) == 0


def test_previews_leave_half_to_answers() -> None:
    pace = a_pace(per_chat_ms=0)
    waits = [pace.take_spare("-5", is_group=True, now_ms=number) for number in range(12)]
    assert [bool(wait) for wait in waits] == [False] * 10 + [True] * 2
    assert pace.take("-5", is_group=True, now_ms=12) == 0


def test_a_chat_that_is_held_waits_alone() -> None:
    pace = a_pace()
    pace.hold("7", is_group=False, wait_ms=5_000, now_ms=0)
    assert pace.take("7", is_group=False, now_ms=1_000) == 4_000
    assert pace.take_spare("7", is_group=False, now_ms=1_000) == 4_000
    assert pace.take("8", is_group=False, now_ms=1_000) == 0
    assert pace.take("7", is_group=False, now_ms=5_000) == 0


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(["7", "8", "-5"]), st.booleans()), max_size=200))
def test_no_window_ever_holds_more_than_it_may(steps: list[tuple[int, str, bool]]) -> None:
    pace = a_pace(per_chat_ms=100, per_group_per_minute=5, per_second=4)
    now_ms, taken = 0, []
    for step_ms, chat, is_spare in steps:
        now_ms += step_ms
        take = pace.take_spare if is_spare else pace.take
        if take(chat, is_group=chat == "-5", now_ms=now_ms) == 0:
            taken.append((now_ms, chat))
    for begin, _ in taken:
        assert sum(begin <= at < begin + 1_000 for at, _ in taken) <= 4
        for chat in ("7", "8", "-5"):
            assert sum(begin <= at < begin + 100 for at, of in taken if of == chat) <= 1
        assert sum(begin <= at < begin + 60_000 for at, of in taken if of == "-5") <= 5


def test_chats_that_were_quiet_are_forgotten() -> None:
    pace = a_pace(per_second=1_000_000)
    for number in range(25_000):
        pace.take(str(number), is_group=False, now_ms=number)
    assert len(pace._chats) <= 10_000


def test_chats_that_telegram_wants_left_alone_are_counted_until_it_is_over() -> None:
    pace = a_pace()
    pace.hold("7", is_group=False, wait_ms=5_000, now_ms=0)
    pace.hold("8", is_group=False, wait_ms=2_000, now_ms=0)
    assert [pace.held(now_ms=now) for now in (0, 2_000, 4_999, 5_000)] == [(2, 5_000), (1, 3_000), (1, 1), (0, 0)]
