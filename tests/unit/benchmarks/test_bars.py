import math
from dataclasses import replace

import pytest
from figures import a_drain

from benchmarks.bars import Bar, bars_of
from benchmarks.contestant import BARE
from benchmarks.figure import Figures
from benchmarks.latency import Latency
from benchmarks.recovery import Recovered
from benchmarks.stream import Streamed


def the_bar(figures: list[Figures], words: str) -> Bar:
    (bar,) = [bar for bar in bars_of(figures) if words in bar.what]
    return bar


def a_latency(*, rate_per_s: int, p50_ms: float = 1.0, p99_ms: float = 5.0, idle_per_s: float = 0.5) -> Latency:
    return Latency(
        contestant="okos",
        rate_per_s=rate_per_s,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        idle_round_trips_per_s=idle_per_s,
        idle_commands_per_s=idle_per_s,
        missing=0,
        out_of_order=0,
        doubled=0,
    )


def a_recovery(contestant: str = "okos", *, first_s: float, missing: int = 0) -> Recovered:
    return Recovered(
        contestant=contestant,
        lease_ms=15_000,
        deadline_s=120,
        cut_off=8,
        come_back=8,
        first_s=first_s,
        last_s=first_s,
        missing=missing,
        out_of_order=0,
        doubled=0,
    )


@pytest.mark.parametrize(
    ("users", "messages", "times", "verdict"),
    [
        (1_000, 20, 3.0, "met"),
        (1_000, 20, 2.99, "missed"),
        (10, 1_000, 1.5, "met"),
        (10, 1_000, 1.49, "missed"),
    ],
)
def test_throughput_is_held_to_how_many_users_share_the_work(
    users: int, messages: int, times: float, verdict: str
) -> None:
    many = [a_drain(contestant, users=1_000, messages_per_user=20) for contestant in ("stock", "okos")]
    few = [a_drain(contestant, users=10, messages_per_user=1_000) for contestant in ("stock", "okos")]
    figures: list[Figures] = [
        replace(one, handled_per_s=1_000.0 * (times if one.contestant == "okos" else 1)) for one in many + few
    ]

    assert the_bar(figures, f"order, {users:,} users x {messages:,}").verdict == verdict


@pytest.mark.parametrize(("cpu_us", "verdict"), [(20.0, "met"), (20.1, "missed"), (math.nan, "not measured")])
def test_the_servers_cpu_is_half_of_stocks(cpu_us: float, verdict: str) -> None:
    figures: list[Figures] = [a_drain("stock", drain_cpu_us=40.0), a_drain("okos", drain_cpu_us=cpu_us)]

    assert the_bar(figures, "CPU per message").verdict == verdict


def test_what_has_nothing_to_be_compared_with_is_left_out() -> None:
    assert [bar.what for bar in bars_of([a_drain("okos")])] == ["messages lost, doubled, reordered, in all of these"]


def test_handlers_are_held_to_bare_threads_of_the_same_workload() -> None:
    figures: list[Figures] = [
        a_drain(BARE, users=200, sleep_ms=20, seconds=5.0),
        a_drain("okos", users=200, sleep_ms=20, seconds=5.4),
        a_drain(BARE, users=10, sleep_ms=20, seconds=2.0),
        a_drain("okos", users=10, sleep_ms=20, seconds=2.4),
    ]

    assert [the_bar(figures, f"20 ms, {users} users").verdict for users in (200, 10)] == ["met", "missed"]


def test_keys_that_are_there_once_for_all_are_not_left_over() -> None:
    left = a_drain("okos", lasting_keys=3, fixed_keys=2)

    assert the_bar([a_drain("stock"), a_drain("okos")], "keys").verdict == "met"
    assert the_bar([a_drain("stock"), left], "keys").verdict == "missed"


def test_each_pace_has_its_own_aims() -> None:
    figures: list[Figures] = [
        a_latency(rate_per_s=50, p50_ms=2.1, p99_ms=9.0, idle_per_s=math.nan),
        a_latency(rate_per_s=1, p50_ms=9.0, p99_ms=19.0, idle_per_s=1.5),
    ]

    verdicts = {bar.what: bar.verdict for bar in bars_of(figures)}

    assert verdicts["publish to start at 50 messages/s, p50"] == "missed"
    assert verdicts["publish to start at 50 messages/s, p99"] == "met"
    assert verdicts["publish to start at 1 messages/s, p99"] == "met"
    assert "publish to start at 1 messages/s, p50" not in verdicts
    assert verdicts["round trips of an idle worker process"] == "missed"


@pytest.mark.parametrize(("first_s", "verdict"), [(17.0, "met"), (17.1, "missed"), (math.nan, "not measured")], ids=str)
def test_what_was_cut_off_runs_again_within_lease_and_sweep(first_s: float, verdict: str) -> None:
    bar = the_bar([a_recovery(first_s=first_s)], "kill -9")

    assert (bar.aim, bar.verdict) == ("≤ 17.0 s", verdict)


def test_streams_are_held_to_the_delay_of_their_tokens() -> None:
    figures = Streamed(
        contestant="okos",
        conversations=1_000,
        tokens=50,
        token_ms=50,
        started_ms=100.0,
        ideal_s=2.5,
        seconds=2.6,
        p50_ms=1.0,
        p99_ms=251.0,
        most_ms=300.0,
        missing=0,
        out_of_order=0,
        doubled=0,
    )

    assert the_bar([figures], "1,000 conversations").verdict == "missed"


def test_only_our_own_faults_count() -> None:
    figures: list[Figures] = [a_recovery("stock", first_s=math.nan, missing=8), a_recovery(first_s=16.0)]

    assert the_bar(figures, "lost").measured == "0, 0, 0"
    assert the_bar([*figures, a_drain("okos", out_of_order=1, doubled=2)], "lost").measured == "0, 2, 1"
