import dramatiq
import pytest

from okos.mailbox import Event, MessageDetail
from okos.operate.story import tell


def a_message(channel: str = "telegram") -> dramatiq.Message[None]:
    envelope = {"channel": channel, "chat": "7", "reply_to": f"outbox.{channel}", "sent_at_ms": 1_000}
    return dramatiq.Message("text", "text", (envelope,), {}, {}, message_id="m1", message_timestamp=1_700)


def a_detail(channel: str = "telegram", **given: object) -> MessageDetail:
    told = {
        "state": "done",
        "mailbox": f"{channel}:7",
        "message": a_message(channel),
        "events": (Event(at_ms=1_710, what="published"), Event(at_ms=3_000, what="completed")),
    }
    return MessageDetail(id="m1", now_ms=9_000, **told | given)  # type: ignore[arg-type]  # as given


def an_answer(state: str, queue: str = "outbox.telegram", **given: object) -> MessageDetail:
    return MessageDetail(id="a1", now_ms=9_000, state=state, queue=queue, published_at_ms=3_000, **given)  # type: ignore[arg-type]  # as given


def test_it_begins_with_its_user_and_ends_in_the_chat() -> None:
    told = tell(a_detail(), [an_answer("done", ended_at_ms=3_400)])

    assert [(step.at_ms, step.what) for step in told] == [
        (1_000, "written by its user"),
        (1_700, "received by the gateway"),
        (1_710, "published"),
        (3_000, "completed"),
        (3_400, "answer sent"),
    ]
    assert (told[-1].mood, told[-1].message_id) == ("good", "a1")


@pytest.mark.parametrize(
    ("state", "queue", "what"),
    [
        ("waiting", "outbox.telegram", "answer waits for the gateway"),
        ("backoff", "outbox.telegram", "answer waits to be said again"),
        ("dead", "outbox.telegram", "answer could not be delivered"),
        ("waiting", "outbox.local.0a0b0c0d", "answer waits for its client"),
        ("done", "outbox.local.0a0b0c0d", "answer handed to its client"),
        ("waiting", "text", "sent a message to text"),
        ("ended", "", "what it sent was taken, or has expired"),
    ],
)
def test_an_answer_says_where_it_is(state: str, queue: str, what: str) -> None:
    assert tell(a_detail(), [an_answer(state, queue)])[-1].what == what


def test_why_an_answer_is_late_is_told_until_it_is_sent() -> None:
    late, sent = (tell(a_detail(), [an_answer(state, error="flood")])[-1].error for state in ("backoff", "done"))

    assert (late, sent) == ("flood", "")


def test_what_came_from_nobody_begins_with_its_publication() -> None:
    own = dramatiq.Message[None]("sweep", "sweep", (), {}, {}, message_id="m1", message_timestamp=1)

    assert tell(a_detail(message=own), [])[0].what == "published"
    assert tell(a_detail(message=None), [])[0].what == "published"


def test_a_local_client_writes_and_receives_at_once() -> None:
    assert tell(a_detail("local"), [])[0].what == "received by a local client"


def test_what_an_earlier_life_sent_comes_before_the_next_life() -> None:
    apology = an_answer("done", ended_at_ms=2_500)
    told = tell(a_detail(requeued=1), [an_answer("waiting"), apology])

    assert [(step.at_ms, step.what) for step in told][3:] == [
        (2_500, "answer sent"),
        (3_000, "completed"),
        (3_000, "answer waits for the gateway"),
    ]
