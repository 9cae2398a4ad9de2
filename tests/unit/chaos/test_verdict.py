from __future__ import annotations

from dataclasses import replace

import pytest
from made_up import S, Story, kinds

from chaos.crew import Span
from chaos.evidence import Cancel, Clear, Pause, Totals
from chaos.letter import DEADLY, DOOMED, HUNG
from chaos.note import FAILED, STOPPED
from chaos.server import Outage


@pytest.fixture
def story() -> Story:
    """Three messages of one user, done one after the other."""
    story = Story()
    for seq in range(3):
        story.run("a", seq, at=seq)
    return story


def test_what_went_well_has_no_fault(story: Story) -> None:
    verdict = story.verdict()

    assert verdict.is_good
    assert (verdict.accepted, verdict.done, verdict.runs, verdict.replies) == (3, 3, 3, 3)


def test_what_was_accepted_and_came_to_nothing_is_lost(story: Story) -> None:
    story.accept("a", 3)

    assert kinds(story.verdict()) == ["lost"]


def test_what_is_cancelled_or_given_up_is_not_lost(story: Story) -> None:
    story.accept("a", 3)
    story.accept("a", 4, how=DOOMED)
    story.evidence.cancels.append(Cancel("a-3", "cancelled", 0, 0))
    story.evidence.dead["a-4"] = "Failure: attempt 2"

    verdict = story.verdict()

    assert verdict.is_good
    assert (verdict.cancelled, verdict.dead) == (1, 1)


def test_what_is_given_up_without_a_reason_of_its_own_is_a_fault(story: Story) -> None:
    story.accept("a", 3)
    story.evidence.dead["a-3"] = "KeyError: 'x'"

    assert kinds(story.verdict()) == ["given up"]


def test_an_ack_that_counted_twice_is_doubled(story: Story) -> None:
    story.commit("a", 2, "another token")

    verdict = story.verdict()

    assert verdict.doubled == 2  # the ack and the reply
    assert set(kinds(verdict)) == {"doubled"}


def test_an_ack_without_its_reply_is_torn(story: Story) -> None:
    story.evidence.replies.pop()

    assert kinds(story.verdict()) == ["torn"]


def test_replies_out_of_order_are_reordered(story: Story) -> None:
    story.evidence.replies.reverse()

    assert set(kinds(story.verdict())) == {"reordered"}


def test_replies_in_another_order_than_their_acks_are_reordered(story: Story) -> None:
    story.evidence.jobs = 3
    story.evidence.replies.reverse()

    assert kinds(story.verdict()) == ["reordered"]


def test_a_message_that_starts_after_a_later_one_is_reordered(story: Story) -> None:
    story.accept("a", 4)
    story.start("a", 4, "t4", 4)
    story.end("a", 4, "t4", 4.1)
    story.accept("a", 3)
    story.start("a", 3, "t3", 5)
    story.end("a", 3, "t3", 5.1)
    story.commit("a", 3, "t3")
    story.commit("a", 4, "t4")

    assert kinds(story.verdict()) == ["reordered"]


def test_a_requeued_message_has_another_place(story: Story) -> None:
    story.accept("b", 0, how=DOOMED)
    story.start("b", 0, "dies", 0)
    story.end("b", 0, "dies", 0.1, what=FAILED)
    story.run("b", 1, at=1)
    story.start("b", 0, "again", 5)
    story.end("b", 0, "again", 5.1)
    story.commit("b", 0, "again")

    assert "reordered" in kinds(story.verdict())
    story.evidence.requeued_at_ns["b-0"] = 4 * S
    assert story.verdict().is_good


def test_two_runs_of_a_user_at_once_overlap(story: Story) -> None:
    story.run("a", 3, at=3, until=6)
    story.run("a", 4, at=5, pid=2)

    verdict = story.verdict()

    assert verdict.overlapped == 1
    assert kinds(verdict) == ["overlapped"]


def test_a_user_may_have_as_many_runs_at_once_as_the_policy_says(story: Story) -> None:
    story.run("a", 3, at=3, until=6)
    story.run("a", 4, at=5, pid=2)

    story.evidence.jobs = 2
    assert story.verdict().is_good

    story.run("a", 5, at=5.05, pid=2)
    assert kinds(story.verdict()) == ["overlapped"]


def test_a_message_runs_once_at_a_time_whatever_the_policy_says(story: Story) -> None:
    story.evidence.jobs = 2
    story.run("a", 3, at=3, until=6)
    story.start("a", 3, "again", 5, pid=2)

    assert kinds(story.verdict()) == ["overlapped"]


def test_a_run_that_hangs_is_given_up_after_its_limit_and_not_before(story: Story) -> None:
    story.accept("a", 3, how=HUNG)
    story.start("a", 3, "hangs", 3)
    story.evidence.killed[1] = 20 * S
    story.start("a", 3, "again", 7, pid=2, attempt=2)
    story.end("a", 3, "again", 7.1, pid=2)
    story.commit("a", 3, "again")
    assert story.verdict().is_good

    story.start("a", 3, "early", 3.2, pid=2, attempt=2)
    assert kinds(story.verdict()) == ["overlapped"]


def test_a_worker_that_is_cut_off_starts_nothing_after_its_lease(story: Story) -> None:
    story.evidence.cut.append(Span(1, 3 * S, 9 * S))
    story.run("a", 3, at=5.5)
    assert story.verdict().is_good

    story.run("a", 4, at=7)
    assert kinds(story.verdict()) == ["unfenced"]


def zombie(story: Story) -> None:
    """Let message 3 start at 3 s in a worker that is frozen from 4 to 9 s; it runs again elsewhere at 8 s."""
    story.accept("a", 3)
    story.start("a", 3, "old", 3)
    story.end("a", 3, "old", 9.1, what=STOPPED)
    story.evidence.frozen.append(Span(1, 4 * S, 9 * S))
    story.start("a", 3, "new", 8, pid=2, attempt=2)
    story.end("a", 3, "new", 8.5, pid=2)


def test_a_frozen_worker_may_run_on_for_a_moment(story: Story) -> None:
    zombie(story)
    story.commit("a", 3, "new")

    verdict = story.verdict()

    assert verdict.is_good
    assert verdict.excused == 1


def test_a_frozen_worker_may_not_commit(story: Story) -> None:
    zombie(story)
    story.commit("a", 3, "old")

    assert "overlapped" in kinds(story.verdict())


def test_the_runs_of_a_killed_worker_end_with_it(story: Story) -> None:
    story.accept("a", 3)
    story.start("a", 3, "old", 3)
    story.evidence.killed[1] = int(3.5 * S)
    story.start("a", 3, "new", 6.5, pid=2, attempt=2)
    story.end("a", 3, "new", 6.6, pid=2)
    story.commit("a", 3, "new")

    verdict = story.verdict()

    assert verdict.is_good
    assert verdict.reruns_ms == [3000]


def test_a_run_that_ended_well_in_a_healthy_worker_counts(story: Story) -> None:
    story.start("a", 2, "refused", 1.5)
    story.end("a", 2, "refused", 1.6)

    assert kinds(story.verdict()) == ["wasted"]


@pytest.mark.parametrize(
    "why", ["killed", "orphaned", "orphaned without a server", "frozen", "its neighbour ended the process"]
)
def test_a_run_whose_worker_ended_before_its_ack_is_no_waste(story: Story, why: str) -> None:
    story.start("a", 2, "refused", 1.5, pid=7)
    story.end("a", 2, "refused", 1.6, pid=7)
    match why:
        case "killed":
            story.evidence.killed[7] = int(1.65 * S)
        case "orphaned":
            story.evidence.orphans[7] = int(1.55 * S)
        case "orphaned without a server":
            story.evidence.outages.append(Outage("frozen", int(1.55 * S), 6 * S))
            story.evidence.orphans[7] = int(1.7 * S)
        case "frozen":
            story.evidence.frozen.append(Span(7, int(1.65 * S), 9 * S))
        case _:
            story.accept("b", 0, how=DEADLY)
            story.start("b", 0, "deadly", 1.61, pid=7)
            story.start("b", 0, "harmless", 6, attempt=2)
            story.end("b", 0, "harmless", 6.1)
            story.commit("b", 0, "harmless")

    assert story.verdict().is_good


def test_what_ended_while_the_server_was_away_may_be_cleared_before_its_ack(story: Story) -> None:
    story.start("a", 2, "cleared", 1.5)
    story.end("a", 2, "cleared", 1.6)
    story.evidence.outages.append(Outage("killed", int(1.55 * S), 5 * S))
    story.evidence.clears.append(Clear("a", 4 * S, int(5.1 * S)))

    assert "wasted" not in kinds(story.verdict())


def test_what_was_cancelled_while_it_waited_never_starts(story: Story) -> None:
    story.accept("a", 3)
    story.start("a", 3, "t", 3)
    story.end("a", 3, "t", 3.1, what=STOPPED)
    story.evidence.cancels.append(Cancel("a-3", "cancelled", int(2.4 * S), int(2.5 * S)))

    assert kinds(story.verdict()) == ["cancelled"]


@pytest.mark.parametrize("outcome", ["cancelled", "flagged"])
def test_what_was_cancelled_is_not_done(story: Story, outcome: str) -> None:
    story.evidence.cancels.append(Cancel("a-2", outcome, 2 * S, 9 * S))

    assert kinds(story.verdict()) == ["two ends"]


def test_a_cancel_that_nobody_answered_may_have_happened_or_not(story: Story) -> None:
    story.accept("a", 3)
    story.evidence.cancels.append(Cancel("a-3", "unknown", 0, 0))
    story.evidence.cancels.append(Cancel("a-2", "unknown", 0, 0))
    counted = Totals(accepted=7, done=6, cancelled=1)

    assert story.verdict(counted=counted).is_good


def test_what_a_cleared_mailbox_held_is_cancelled_or_has_ended(story: Story) -> None:
    story.accept("a", 3)
    story.accept("b", 0)
    story.evidence.clears.append(Clear("a", 4 * S, 5 * S))

    verdict = story.verdict(counted=Totals(accepted=8, done=6, cancelled=1))

    assert verdict.cancelled == 1
    assert kinds(verdict) == ["lost"]  # b's


def test_nothing_starts_while_it_is_paused(story: Story) -> None:
    story.run("a", 3, at=9)
    story.evidence.pauses.append(Pause("b", 3 * S, 12 * S))
    assert story.verdict().is_good

    story.evidence.pauses.append(Pause("a", 3 * S, 12 * S))
    assert kinds(story.verdict()) == ["paused"]


def test_a_message_that_a_kill_broke_off_runs_again_in_time(story: Story) -> None:
    story.accept("a", 3)
    story.start("a", 3, "old", 3)
    story.evidence.killed[1] = 4 * S
    story.start("a", 3, "new", 10, pid=2, attempt=2)
    story.end("a", 3, "new", 10.1, pid=2)
    story.commit("a", 3, "new")

    assert kinds(story.verdict()) == ["late"]
    story.evidence.outages.append(Outage("killed", 5 * S, 6 * S))
    assert story.verdict().is_good


def test_a_delayed_message_does_not_start_early(story: Story) -> None:
    story.accept("later", 0, delay_ms=5_000)
    story.start("later", 0, "t", 4)
    story.end("later", 0, "t", 4.1)
    story.commit("later", 0, "t")

    assert kinds(story.verdict()) == ["early"]


def test_the_engines_own_counters_agree(story: Story) -> None:
    right = Totals(accepted=6, done=6)

    assert story.verdict(counted=right).is_good
    for field in ("accepted", "done", "died", "cancelled"):
        wrong = replace(right, **{field: getattr(right, field) + 1})
        assert kinds(story.verdict(counted=wrong)) == ["counters"]


def test_what_does_not_drain_and_what_is_left_are_faults(story: Story) -> None:
    story.evidence.left_keys = ["{okos}:box:a"]
    assert kinds(story.verdict()) == ["keys"]

    story.evidence.is_drained = False
    assert kinds(story.verdict()) == ["stuck", "keys"]
