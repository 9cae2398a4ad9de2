"""What a storm may do to a message is excused in its time and place, and nowhere else."""

from __future__ import annotations

import math

import pytest
from made_up import LEASE_MS, S, Story, kinds

from chaos.check import recovered
from chaos.crew import Span
from chaos.evidence import Cancel, Clear
from chaos.figure import Figure, percentile
from chaos.letter import DEADLY, HUNG, SHAKY
from chaos.note import FAILED, STOPPED
from chaos.server import Outage


@pytest.fixture
def story() -> Story:
    """Three messages of one user, done one after the other in one process."""
    story = Story()
    for seq in range(3):
        story.run("a", seq, at=seq, pid=50)
    return story


# -- burials -----------------------------------------------------------------------------------------------------------


def dies(story: Story, user: str, *, deaths: int, first_pid: int = 1, from_s: float = 3) -> None:
    """Let a message run in one process after the other, of which each is killed a second later."""
    story.accept(user, 0)
    for number in range(deaths):
        pid, at = first_pid + number, from_s + 5 * number
        story.start(user, 0, f"{user} {pid}", at, pid=pid, attempt=number + 1)
        story.evidence.killed[pid] = int((at + 1) * S)
    story.evidence.dead[f"{user}-0"] = "stalled: the worker process ended so many times while running it"
    story.evidence.died_after[f"{user}-0"] = deaths


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_what_is_buried_before_it_took_down_enough_is_an_innocent(story: Story, deaths: int) -> None:
    dies(story, "b", deaths=deaths)

    assert kinds(story.verdict()) == ["innocent"]


def test_what_took_down_a_process_as_a_suspect_is_buried_rightly(story: Story) -> None:
    dies(story, "b", deaths=3)

    verdict = story.verdict()

    assert verdict.is_good
    assert verdict.stalled_dead == 1


def test_a_death_between_the_claim_and_the_start_counts_though_nobody_noted_it(story: Story) -> None:
    dies(story, "b", deaths=2)
    story.evidence.died_after["b-0"] = 3

    assert story.verdict().is_good


def test_a_neighbour_that_ends_the_process_at_any_time_before_a_run_is_over_is_a_death_of_it(story: Story) -> None:
    dies(story, "b", deaths=3)
    del story.evidence.killed[2]
    assert kinds(story.verdict()) == ["innocent"]

    story.accept("c", 0, how=DEADLY)
    story.start("c", 0, "deadly", 11, pid=2)
    story.start("c", 0, "harmless", 15, pid=50, attempt=2)
    story.end("c", 0, "harmless", 15.1, pid=50)
    story.commit("c", 0, "harmless")
    assert story.verdict().is_good


def test_deaths_before_a_requeue_do_not_count(story: Story) -> None:
    dies(story, "b", deaths=3)
    story.evidence.requeued_at_ns["b-0"] = story.evidence.reborn_at_ns["b-0"] = 12 * S
    story.evidence.died_after["b-0"] = 1

    assert kinds(story.verdict()) == ["innocent"]


def test_one_death_buries_one_suspect(story: Story) -> None:
    dies(story, "b", deaths=3)
    dies(story, "c", deaths=3, first_pid=11)
    assert story.verdict().is_good

    (last,) = [note for note in story.evidence.notes if note.pid == 13]
    story.evidence.notes.remove(last)
    story.start("c", 0, last.token, 13, pid=3, attempt=3)
    assert kinds(story.verdict()) == ["innocent"]


# -- recovery ----------------------------------------------------------------------------------------------------------


def broken_off(story: Story, *, again: float) -> None:
    """Let a kill at 4 s break off what then runs again."""
    story.accept("a", 3)
    story.start("a", 3, "old", 3)
    story.evidence.killed[1] = 4 * S
    story.start("a", 3, "new", again, pid=2, attempt=2)
    story.end("a", 3, "new", again + 0.1, pid=2)
    story.commit("a", 3, "new")


def test_kills_that_go_on_and_on_do_not_excuse_a_late_recovery(story: Story) -> None:
    broken_off(story, again=34)
    for number in range(10):
        story.evidence.killed[100 + number] = (7 + 3 * number) * S

    assert kinds(story.verdict()) == ["late"]


def test_a_kill_soon_after_a_kill_gives_the_recovery_its_time_anew(story: Story) -> None:
    broken_off(story, again=12)
    story.evidence.killed[100] = 7 * S

    verdict = story.verdict()

    assert verdict.is_good
    assert (verdict.recoveries, verdict.reruns_ms) == (1, [])


@pytest.mark.parametrize("why", ["frozen", "cut off", "outage", "asked to stop"])
def test_recovery_has_its_time_when_whoever_was_away_is_back(story: Story, why: str) -> None:
    broken_off(story, again=14)
    assert kinds(story.verdict()) == ["late"]

    match why:
        case "frozen":
            story.evidence.frozen.append(Span(50, 3 * S, 9 * S))
        case "cut off":
            story.evidence.cut.append(Span(50, 5 * S, 9 * S))
        case "outage":
            story.evidence.outages.append(Outage("killed", 5 * S, 6 * S))
        case _:
            story.evidence.asked[50] = int(7.5 * S)
    assert story.verdict().is_good


def test_a_scenario_of_kills_of_which_none_could_be_timed_proves_nothing(story: Story) -> None:
    broken_off(story, again=7)
    assert recovered(story.evidence) == []

    story.evidence.frozen.append(Span(50, 5 * S, 6 * S))
    assert [fault.kind for fault in recovered(story.evidence)] == ["vacuous"]


# -- acks --------------------------------------------------------------------------------------------------------------


def refused(story: Story) -> None:
    """Let a run of what is done elsewhere end well at 1.6 s, and its ack be refused."""
    story.start("a", 2, "refused", 1.5, pid=7)
    story.end("a", 2, "refused", 1.6, pid=7)


@pytest.mark.parametrize("at", [2.5, 3, 500])
def test_what_happens_to_a_process_later_does_not_excuse_an_ack_refused_before(story: Story, at: float) -> None:
    refused(story)
    story.evidence.killed[7] = int((at + 3) * S)
    story.evidence.frozen.append(Span(7, int((at + 0.2) * S), int((at + 5) * S)))
    story.accept("b", 0, how=DEADLY)
    story.start("b", 0, "deadly", at + 2.9, pid=7)
    story.start("b", 0, "harmless", at + 6, attempt=2)
    story.end("b", 0, "harmless", at + 6.1)
    story.commit("b", 0, "harmless")

    assert kinds(story.verdict()) == ["wasted"]


def test_a_kill_before_an_ack_could_be_written_to_a_server_that_is_back_excuses_it(story: Story) -> None:
    refused(story)
    story.evidence.killed[7] = 8 * S
    assert "wasted" in kinds(story.verdict())

    story.evidence.outages.append(Outage("killed", int(1.55 * S), int(7.5 * S)))
    assert "wasted" not in kinds(story.verdict())


# -- cancels -----------------------------------------------------------------------------------------------------------


def flagged(story: Story, *, again: float, ends: float = 3.2) -> None:
    """Let a message be cancelled at 3.1 s while it runs, and run again nevertheless."""
    story.accept("a", 3, how=SHAKY)
    story.start("a", 3, "old", 3)
    story.end("a", 3, "old", ends, what=FAILED)
    story.evidence.cancels.append(Cancel("a-3", "flagged", int(3.05 * S), int(3.1 * S)))
    story.start("a", 3, "again", again, attempt=2)
    story.end("a", 3, "again", again + 0.1, what=STOPPED)


@pytest.mark.parametrize("again", [3.4, 60])
def test_what_was_cancelled_while_it_ran_never_runs_again(story: Story, again: float) -> None:
    flagged(story, again=again)

    assert kinds(story.verdict()) == ["cancelled"]


def test_what_had_been_claimed_when_it_was_cancelled_may_start_for_a_moment(story: Story) -> None:
    flagged(story, again=3.4, ends=3.02)  # and was claimed again before the cancel

    assert story.verdict().is_good


def test_what_a_mailbox_held_never_starts_after_it_was_cancelled_whole(story: Story) -> None:
    story.run("a", 3, at=60)
    story.evidence.clears.append(Clear("a", 3 * S, int(3.1 * S)))

    assert kinds(story.verdict()) == ["cancelled"]


def test_what_no_cancelled_mailbox_held_may_start(story: Story) -> None:
    story.run("a", 3, at=60)
    story.run("a", 4, at=61)
    story.evidence.accepted_at_ns["a-3"] = 4 * S
    story.evidence.requeued_at_ns["a-4"] = 5 * S  # a dead letter is in no mailbox
    story.evidence.clears.append(Clear("a", 3 * S, int(3.1 * S)))
    assert story.verdict().is_good

    story.run("a", 5, at=62)
    story.evidence.clears[0] = Clear("a", 3 * S, int(3.1 * S), is_answered=False)
    assert story.verdict().is_good


def test_what_a_mailbox_had_claimed_when_it_was_cancelled_may_start_and_is_not_acked(story: Story) -> None:
    story.accept("a", 3)
    story.evidence.clears.append(Clear("a", 3 * S, int(3.1 * S)))
    story.start("a", 3, "t", 3.12)
    story.end("a", 3, "t", 3.13)

    assert "wasted" not in kinds(story.verdict())
    assert "cancelled" not in kinds(story.verdict())


# -- order, of several at once -----------------------------------------------------------------------------------------


def test_of_several_at_once_too_the_first_is_claimed_first(story: Story) -> None:
    story.evidence.jobs = 3
    for number, (seq, at) in enumerate(((5, 10), (4, 11.5), (3, 13))):
        story.run("a", seq, at=at, number=number + 7)

    assert kinds(story.verdict()) == ["reordered"]


def test_of_several_at_once_the_notes_may_swap(story: Story) -> None:
    story.evidence.jobs = 3
    for seq, at in ((5, 10), (4, 11.5), (3, 13)):
        story.run("a", seq, at=at, number=seq + 7)

    assert story.verdict().is_good


@pytest.mark.parametrize("why", ["given back soon", "held by one that was frozen", "claimed by one that died"])
def test_what_was_claimed_and_not_begun_may_be_overtaken(story: Story, why: str) -> None:
    story.evidence.jobs = 3
    late_s = 0.2 if why == "given back soon" else 4.0
    story.run("a", 4, at=10, number=8)
    story.run("a", 5, at=10 + late_s, number=9)
    story.accept("a", 3)
    story.start("a", 3, "10-x", 11 + late_s, attempt=2 if why == "claimed by one that died" else 1)
    story.end("a", 3, "10-x", 12 + late_s)
    story.commit("a", 3, "10-x")
    if why == "held by one that was frozen":
        assert kinds(story.verdict()) == ["reordered"]
        story.evidence.frozen.append(Span(60, 9 * S, 13 * S))

    assert story.verdict().is_good


# -- ends --------------------------------------------------------------------------------------------------------------


def runs_twice(story: Story, what: str, *, how: str = "well") -> None:
    """Let a message end badly at 3.1 s and well afterwards."""
    story.accept("a", 3, how=how)
    story.start("a", 3, "once", 3, pid=7)
    story.end("a", 3, "once", 3.1, pid=7, what=what)
    story.start("a", 3, "twice", 8, pid=8, attempt=2)
    story.end("a", 3, "twice", 8.1, pid=8)
    story.commit("a", 3, "twice")


def test_nobody_interrupts_what_runs_in_a_healthy_process(story: Story) -> None:
    runs_twice(story, STOPPED)

    assert kinds(story.verdict()) == ["interrupted"]


@pytest.mark.parametrize("why", ["its limit", "a cancel", "a stop", "a second stop", "a freeze", "a lost master"])
def test_whoever_has_a_reason_may_interrupt(story: Story, why: str) -> None:
    runs_twice(story, STOPPED, how=HUNG if why == "its limit" else "well")
    evidence = story.evidence
    match why:
        case "a cancel":
            evidence.cancels.append(Cancel("a-3", "unknown", 3 * S, 3 * S))
        case "a stop":
            evidence.asked[7] = int(1.1 * S)
        case "a second stop":
            evidence.asked[7], evidence.asked_again[7] = int(2.9 * S), 3 * S
        case "a freeze":
            evidence.frozen.append(Span(7, S, int(2.9 * S)))
        case "a lost master":
            evidence.orphans[7] = 3 * S

    assert "interrupted" not in kinds(story.verdict())


def test_a_stop_interrupts_nothing_before_its_grace_is_over(story: Story) -> None:
    runs_twice(story, STOPPED)
    story.evidence.asked[7] = 3 * S

    assert kinds(story.verdict()) == ["interrupted"]


def test_only_what_is_meant_to_fail_fails(story: Story) -> None:
    runs_twice(story, FAILED)
    assert kinds(story.verdict()) == ["failed"]

    runs_twice(story, FAILED, how=SHAKY)
    assert "failed" not in kinds(story.verdict())


# -- figures -----------------------------------------------------------------------------------------------------------


def test_what_was_not_measured_is_not_within_its_bar() -> None:
    assert math.isnan(percentile([], 0.99))
    assert percentile([3.0], 0.99) == 3

    figure = Figure(what="a claim", value=percentile([], 0.99), most=LEASE_MS)

    assert not figure.is_good
    assert str(figure) == "a claim: not measured, at most 3,000 ms"
