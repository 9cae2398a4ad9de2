"""The order of a message's timeline, by what Redis replies: instants of a worker and of the server differ a little."""

import json

from okos.mailbox.timeline import read_message


def _attempt(number: int, at: int, outcome: str) -> str:
    return json.dumps(
        {"at": at, "attempt": number, "outcome": outcome, "run_ms": 5, "process": "p1", "error": "ValueError: fails"}
    )


def test_an_end_follows_the_attempt_that_led_to_it() -> None:
    record = {"state": "dead", "box": "u1", "queue": "default", "at": 1000, "claimed": 1020, "ended": 1025, "bytes": 10}
    # the worker took the second end's instant a millisecond after the server had
    lines = "\n".join([_attempt(1, 1010, "retry"), _attempt(2, 1026, "dead")])

    detail = read_message([2000, json.dumps(record), b"", b"ValueError: fails", b"", b"", b"", b"", lines, b"m1"])

    assert detail is not None
    assert [(event.at_ms, event.what.split(",")[0]) for event in detail.events] == [
        (1000, "published"),
        (1005, "attempt 1 claimed by process p1"),
        (1010, "attempt 1 failed"),
        (1020, "attempt 2 claimed by process p1"),
        (1025, "attempt 2 failed"),
        (1025, "became a dead letter"),
    ]
