from __future__ import annotations

from okos.assistant.memory import MAX_LINE_CHARS, MAX_WINDOW_CHARS, Remembered, window, written


def a_turn(number: int, *, chars: int = 4) -> Remembered:
    return Remembered(id=f"m{number}", user="u" * chars, assistant="a" * chars)


def lines(*turns: Remembered) -> list[bytes]:
    return [written(turn) for turn in turns]


def test_the_last_turns_are_known_oldest_first() -> None:
    turns = [a_turn(number) for number in range(5)]

    assert window(lines(*turns), turns=3, now_id="m9") == tuple(turns[2:])


def test_a_turn_that_was_written_again_counts_once_and_as_the_newer() -> None:
    again = Remembered(id="m0", user="again", assistant="yes")

    assert window(lines(a_turn(0), a_turn(1), again), turns=20, now_id="m9") == (a_turn(1), again)


def test_long_turns_leave_less_room_for_older_ones() -> None:
    turns = [a_turn(number, chars=MAX_LINE_CHARS) for number in range(5)]

    known = window(lines(*turns), turns=20, now_id="m9")

    assert known == tuple(turns[-(MAX_WINDOW_CHARS // (2 * MAX_LINE_CHARS)) :])


def test_a_long_line_is_remembered_by_its_beginning() -> None:
    (known,) = window(lines(a_turn(0, chars=2**20)), turns=1, now_id="m9")

    assert known.user.startswith("uuu")
    assert len(known.user) < MAX_LINE_CHARS + 10


def test_a_line_that_cannot_be_read_is_forgotten() -> None:
    broken = [b"", b"\xff", b"[]", b"5", b"null", b'{"id": "m0"}']

    assert window([*broken, *lines(a_turn(1))], turns=20, now_id="m9") == (a_turn(1),)


def test_half_a_character_is_no_reason_to_forget() -> None:
    (known,) = window(lines(Remembered(id="m0", user="\ud83d!", assistant="ok")), turns=1, now_id="m9")

    assert known.user == "?!"
