"""What is logged in a run, or about one, names its message: under the stock command, in threads and coroutines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from real_server import eventually

if TYPE_CHECKING:
    from fleet import Fleet, Worker

Lines = list[dict[str, Any]]  # Any: the fields of a line


def lines(worker: Worker, event: str = "", **fields: object) -> Lines:
    """Read what was logged whose event has these words and whose fields have these values."""
    logged: Lines = [json.loads(line) for line in worker.said_lines if line.startswith("{")]
    return [one for one in logged if event in one["event"] and fields.items() <= one.items()]


def test_a_line_of_a_handler_names_its_own_message_whoever_runs_beside_it(fleet: Fleet) -> None:
    worker = fleet.start(app="logged_app", threads=4)
    ids = {
        (user, number): fleet.send(actor, user, number, queue=queue)
        for number in range(20)
        for user in ("a", "b", "c", "d")
        for actor, queue in (("tell", "text"), ("tell_async", "photo"))
        if (actor == "tell") == (user in "ab")
    }
    fleet.broker.join("text", timeout=60_000)

    eventually(lambda: len(lines(worker, "said")) == 40 + 3 * 40)
    for line in lines(worker, "said"):
        user, number = line["user"], line["number"]
        assert (line["message_id"], line["mailbox"], line["attempt"]) == (ids[user, number], user, 1)
        assert line["actor"] == ("tell" if user in "ab" else "tell_async")
        assert {name: value for name, value in line.items() if name.startswith("own_")} == (
            {f"own_{user}": number} if user in "cd" else {}
        )
    assert {line["message_id"] for line in lines(worker, "plain")} == {ids[key] for key in ids if key[0] in "ab"}
    assert sorted(line["message_id"] for line in lines(worker, "after")) == sorted(ids.values())


def test_what_is_logged_outside_of_a_run_names_no_message(fleet: Fleet) -> None:
    worker = fleet.start(app="logged_app", threads=1)
    fleet.send("tell", "a", 0)
    fleet.broker.join("text", timeout=60_000)

    worker.terminate()
    worker.wait()

    assert lines(worker, "said", mailbox="a")
    (stop,) = lines(worker, "nothing more is claimed")
    assert not {"message_id", "mailbox", "actor", "attempt"} & stop.keys()


def test_the_lines_of_the_engine_and_of_dramatiq_about_an_attempt_name_it_too(fleet: Fleet) -> None:
    worker = fleet.start(app="logged_app", threads=2)
    failing = fleet.send("tell", "a", 0, fails=1)
    skipped = fleet.send("tell", "skipped", 0)
    fleet.broker.join("text", timeout=60_000)

    about = {"message_id": failing, "mailbox": "a", "actor": "tell"}
    assert len(lines(worker, "with unhandled exception", attempt=1, **about)) == 1
    assert len(lines(worker, "runs again in", attempt=1, **about)) == 1
    assert [line["attempt"] for line in lines(worker, "said", **about)] == [1, 2]
    assert len(lines(worker, "was skipped", message_id=skipped, mailbox="skipped", attempt=1)) == 1


def test_a_follow_up_is_a_message_of_its_own(fleet: Fleet) -> None:
    worker = fleet.start(app="logged_app", threads=1)
    first = fleet.send("tell", "a", 0, options={"on_success": "told"})

    eventually(lambda: lines(worker, "told"))
    (told,) = lines(worker, "told")
    assert told["actor"] == "told"
    assert told["message_id"] != first


def test_what_is_interrupted_or_hangs_is_named_by_other_threads_and_by_its_own(fleet: Fleet) -> None:
    gate = fleet.gate()
    worker = fleet.start(app="logged_app", threads=8)
    # A process that is idle would start afresh without the handler that was given up.
    fleet.send("wait", "d", 0, gate=str(fleet.gate("busy")))
    limits: dict[str, object] = {"time_limit": 100, "max_retries": 0}
    runs_on = {"message_id": fleet.send("run_on", "a", 0, options=limits), "mailbox": "a", "actor": "run_on"}
    eventually(lambda: fleet.broker.stats().dead == 1)
    stays = {"message_id": fleet.send("stay", "b", 0, gate=str(gate), options=limits), "mailbox": "b", "actor": "stay"}
    eventually(lambda: fleet.broker.stats().dead == 2)
    other = fleet.send("tell", "c", 0)
    eventually(lambda: lines(worker, "said", message_id=other))

    gate.touch()

    eventually(lambda: lines(worker, "said", number=0, attempt=1, **stays))  # late, and still of its own message
    for about in (runs_on, stays):
        assert len(lines(worker, "is interrupted", attempt=1, **about)) == 1
        assert len(lines(worker, "failed for good", attempt=1, **about)) == 1
    assert len(lines(worker, "its thread is given up", attempt=1, **stays)) == 1
    assert [line["message_id"] for line in lines(worker, "said", mailbox="c")] == [other]
