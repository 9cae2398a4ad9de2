import random
from itertools import pairwise
from xml.etree import ElementTree as ET

from benchmarks.simulation.picture import Panel, draw
from benchmarks.simulation.play import LEASE_S, NETWORK_S, SWEEP_S, Cost, Play, Played, Scene

FREE = Cost(publish_us=0, call_us=0, message_us=0, growth_us=0)


def played(arrivals: list[tuple[float, int]], **how: object) -> Played:
    scene = {"processes": 2, "threads": 4, "handler_s": lambda _: 1.0, "cost": FREE, **how}
    return Play(Scene(arrivals=arrivals, **scene)).run()  # type: ignore[arg-type]  # the fields of Scene


def test_messages_of_one_user_start_one_after_the_other() -> None:
    waits = list(played([(0.0, 7)] * 5).waits_s)

    assert all(1.0 <= later - earlier <= 1.0 + 10 * NETWORK_S for earlier, later in pairwise(waits))


def test_without_mailboxes_they_start_together() -> None:
    assert max(played([(0.0, 7)] * 5, is_ordered=False).waits_s) < 10 * NETWORK_S


def test_everything_that_is_published_starts_once() -> None:
    chance = random.Random(5)
    arrivals = sorted((chance.random() * 20, chance.randrange(30)) for _ in range(500))

    one = played(arrivals)

    assert len(one.waits_s) == 500
    assert sorted(one.users) == sorted(user for _, user in arrivals)


def test_a_light_user_waits_for_no_heavy_one_while_threads_are_free() -> None:
    arrivals = [(0.0, -1)] * 50 + [(1.0, user) for user in range(3)]

    one = played(arrivals)

    assert one.wait_of(lambda user: user >= 0, 1.0) < 10 * NETWORK_S


def test_what_a_lost_process_ran_starts_again_within_lease_and_sweep() -> None:
    arrivals = [(0.0, user) for user in range(8)]

    one = played(arrivals, handler_s=lambda _: 30.0, lost=(5.0, 1))

    assert len(one.reruns_s) == 4
    assert 2 * LEASE_S / 3 <= min(one.reruns_s) <= max(one.reruns_s) <= LEASE_S + SWEEP_S + 10 * NETWORK_S


def test_a_server_that_is_busy_makes_larger_batches() -> None:
    slow = Cost(publish_us=0, call_us=10_000, message_us=0, growth_us=0)

    one = played([(0.0, user) for user in range(400)], handler_s=lambda _: 0.001, cost=slow)

    assert one.busy_s <= one.last_start_s
    assert 400 / one.last_start_s > 2 / 0.010


def test_the_picture_is_xml_with_a_line_for_each_name() -> None:
    ticks = ((0.1, "low"), (10.0, "high"))
    panel = Panel(
        title="t", x_title="x", y_title="y", lines={"a": [(1, 1), (2, 20)]}, x_ticks=ticks, y_ticks=ticks, is_log=True
    )

    lines = ET.fromstring(draw([panel, panel])).findall(".//{*}polyline")  # noqa: S314 - we have just written it

    assert len(lines) == 2
