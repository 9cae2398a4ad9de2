"""What the demo counts, from what its users saw."""

from __future__ import annotations

from okos.demo.report import Report
from okos.demo.tally import Message, Tally
from okos.envelope import Reply
from okos.local.channel import Glimpse


class Told:
    """A tally of two users, Ada and Ben, with short ways to tell it what happened."""

    def __init__(self) -> None:
        self.tally = Tally(["Ada", "Ben"])

    def sends(self, user: int, *ids: str, at_ms: int = 0) -> None:
        for message_id in ids:
            self.tally.sent(user, Message(id=message_id, about="hello", sent_ms=at_ms))

    def glimpses(self, message_id: str, at_ms: int, *, attempt: int = 1) -> None:
        self.tally.glimpsed(Glimpse(envelope_id=message_id, attempt=attempt, text="…"), now_ms=at_ms)

    def is_answered(self, message_id: str, at_ms: int = 0, *, last: bool = True, failed: bool = False) -> None:
        reply = Reply(envelope_id=message_id, chat="7", text="hi", last=last, failed=failed)
        self.tally.answered(reply, written_ms=at_ms, now_ms=at_ms + 5)


def test_a_user_is_right_when_all_is_answered_once_and_in_order() -> None:
    told = Told()
    told.sends(0, "a", "b")
    told.is_answered("a")
    told.is_answered("b")

    row = told.tally.users[0].row()

    assert (row.sent, row.answered, row.in_order, row.doubled) == (2, 2, True, 0)
    assert row.is_right


def test_answers_that_change_places_are_not_in_order() -> None:
    told = Told()
    told.sends(0, "a", "b")
    told.is_answered("b")
    told.is_answered("a")

    assert not told.tally.users[0].row().in_order
    assert not told.tally.users[0].row().is_right


def test_a_second_answer_to_a_message_is_doubled() -> None:
    told = Told()
    told.sends(0, "a")
    told.is_answered("a")
    told.is_answered("a")

    row = told.tally.users[0].row()

    assert (row.answered, row.doubled, row.is_right) == (1, 1, False)
    assert told.tally.endings == 1


def test_an_answer_in_several_replies_is_one_answer() -> None:
    told = Told()
    told.sends(0, "a")
    told.is_answered("a", last=False)
    assert told.tally.endings == 0
    told.is_answered("a")

    assert told.tally.users[0].row().is_right


def test_an_apology_is_no_answer() -> None:
    told = Told()
    told.sends(0, "a")
    told.is_answered("a", failed=True)

    assert told.tally.endings == 1
    assert told.tally.users[0].row().answered == 0


def test_users_are_served_at_once_while_their_answers_are_certainly_written() -> None:
    told = Told()
    told.sends(0, "a")
    told.sends(1, "b")
    told.glimpses("a", 100)
    told.glimpses("b", 150)
    assert told.tally.served_now(now_ms=150) == 2
    told.is_answered("a", 200)
    told.is_answered("b", 250)

    assert told.tally.concurrency() == 2


def test_one_who_begins_in_the_instant_in_which_another_ends_is_served_after_him() -> None:
    told = Told()
    told.sends(0, "a")
    told.sends(1, "b")
    told.glimpses("a", 100)
    told.is_answered("a", 200)
    told.glimpses("b", 200)
    told.is_answered("b", 300)

    assert told.tally.concurrency() == 1


def test_a_message_whose_glimpse_was_lost_does_not_count_as_served() -> None:
    told = Told()
    told.sends(0, "a")
    told.is_answered("a", 200)

    assert told.tally.concurrency() == 0


def test_what_a_killed_worker_had_in_hand_was_served_until_the_kill_and_again_in_its_last_attempt() -> None:
    told = Told()
    told.sends(0, "a")
    told.sends(1, "b")
    told.glimpses("a", 100, attempt=1)
    told.glimpses("b", 110, attempt=2)
    told.is_answered("b", 120)
    told.tally.killed_ms = 150
    told.glimpses("a", 3300, attempt=7)
    told.is_answered("a", 3400)

    assert told.tally.concurrency() == 2
    assert told.tally.rerun_ms() == 3150
    assert told.tally.messages()[0].served_ms(150) == [(100, 150), (3300, 3400)]


def test_what_hangs_in_the_killed_worker_is_not_being_served() -> None:
    told = Told()
    told.sends(0, "a")
    told.glimpses("a", 100)
    told.tally.killed_ms = 150

    assert (told.tally.served_now(now_ms=200), told.tally.stranded_now(now_ms=200)) == (1, 0)
    assert (told.tally.served_now(now_ms=1150), told.tally.stranded_now(now_ms=1150)) == (0, 1)
    told.glimpses("a", 3300, attempt=7)
    assert (told.tally.served_now(now_ms=3300), told.tally.stranded_now(now_ms=3300)) == (1, 0)


def test_the_play_lasts_from_the_first_message_to_the_last_answer() -> None:
    told = Told()
    told.sends(0, "a", at_ms=1000)
    told.sends(1, "b", at_ms=1100)
    told.is_answered("b", 1500)
    told.is_answered("a", 1995)

    assert told.tally.duration_ms() == 1000


def test_the_report_is_ok_only_if_every_user_is_right() -> None:
    told = Told()
    told.sends(0, "a")
    told.sends(1, "b")
    told.is_answered("a")

    def report() -> Report:
        rows = [user.row() for user in told.tally.users]
        return Report(rows=rows, concurrency=1, duration_ms=500, kill=None)

    assert not report().ok
    told.is_answered("b")
    assert report().ok
    assert report().as_dict() | {"users": []} == {
        "ok": True,
        "sent": 2,
        "answered": 2,
        "in_order": True,
        "doubled": 0,
        "concurrency": 1,
        "duration_ms": 500,
        "messages_per_s": 4.0,
        "kill": None,
        "users": [],
    }
