"""What the engine reads of a message's options."""

import dramatiq
import pytest

from okos.mailbox.errors import BadMessage
from okos.mailbox.publication import MOST_BODY_BYTES, MOST_NAME_BYTES, Publication, band_of, prepare


def a_message(*, queue: str = "text", message_id: str = "m1", **options: object) -> dramatiq.Message[None]:
    return dramatiq.Message(
        queue_name=queue,
        actor_name="answer",
        args=("hi",),
        kwargs={},
        options=options,
        message_id=message_id,
        message_timestamp=1,
    )


def test_a_plain_message_is_alone_normal_and_costs_one() -> None:
    publication = prepare(a_message())

    assert publication == Publication(
        id="m1", mailbox="~m1", queue="text", band=1, body=a_message().encode(), cost=1, actor="answer"
    )


def test_every_option_is_read() -> None:
    publication = prepare(
        a_message(
            mailbox="local:7",
            cost=2.5,
            priority=-1,
            hold=300,
            dedup_id="update:7",
            dedup_ttl=1000,
            max_backlog=10,
            expires=5000,
            strict=True,
            max_stalls=12,
        ),
        delay_ms=700,
    )

    assert (publication.mailbox, publication.cost, publication.band) == ("local:7", 2.5, 0)
    assert (publication.delay_ms, publication.hold_ms, publication.expires_ms) == (700, 300, 5000)
    assert (publication.dedup_id, publication.dedup_ttl_ms, publication.max_backlog) == ("update:7", 1000, 10)
    assert (publication.strict, publication.max_stalls) == (True, 12)


@pytest.mark.parametrize("max_stalls", [0, -1, 1.5, "2", True, 1_000_001])
def test_a_patience_that_is_no_number_of_stalls_is_refused(max_stalls: object) -> None:
    with pytest.raises(BadMessage, match="max_stalls must be a whole number from 1"):
        prepare(a_message(max_stalls=max_stalls))


def test_a_message_s_option_goes_before_its_actor_s() -> None:
    actor = {"mailbox": "of the actor", "max_backlog": 5}

    assert prepare(a_message(), actor_options=actor).mailbox == "of the actor"
    assert prepare(a_message(mailbox="own"), actor_options=actor).mailbox == "own"
    assert prepare(a_message(priority=0), actor_priority=10).band == 1
    assert prepare(a_message(), actor_priority=10).band == 2


@pytest.mark.parametrize(("priority", "band"), [(-100, 0), (-1, 0), (0, 1), (1, 2), (100, 2)])
def test_a_lower_priority_is_a_higher_band(priority: int, band: int) -> None:
    assert band_of(priority) == band


@pytest.mark.parametrize(
    "options",
    [
        {"mailbox": ""},
        {"mailbox": 7},
        {"mailbox": "~forged"},
        {"mailbox": "x" * (MOST_NAME_BYTES + 1)},
        {"mailbox": "ü" * (MOST_NAME_BYTES // 2 + 1)},
        {"mailbox": "lone \ud800"},
        {"cost": -1},
        {"cost": "1"},
        {"cost": True},
        {"cost": float("nan")},
        {"cost": float("inf")},
        {"priority": "high"},
        {"priority": 1.5},
        {"hold": -1},
        {"hold": "soon"},
        {"hold": float("nan")},
        {"dedup_id": 7},
        {"dedup_id": "lone \ud800"},
        {"dedup_id": "x" * (MOST_NAME_BYTES + 1)},
        {"max_backlog": -1},
        {"expires": float("inf")},
        {"on_dead": "sorry"},
    ],
)
def test_a_value_that_cannot_be_kept_is_refused_by_name(options: dict[str, object]) -> None:
    with pytest.raises(BadMessage, match=next(iter(options))):
        prepare(a_message().copy(options=options))


def test_a_delay_that_is_no_time_is_refused() -> None:
    with pytest.raises(BadMessage, match="delay"):
        prepare(a_message(), delay_ms=-1)


def test_a_body_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadMessage, match="bytes"):
        prepare(a_message(filler="x" * MOST_BODY_BYTES))


def test_an_apology_travels_beside_the_message_and_not_inside() -> None:
    apology = a_message(queue="outbox.local", message_id="sorry", mailbox="outbox.7")
    message = a_message(on_dead=apology)

    publication = prepare(message)

    assert publication.on_dead == prepare(apology)
    assert b"sorry" not in publication.body
    assert message.options["on_dead"] is apology


def test_an_apology_s_own_apology_is_told_by_its_mark() -> None:
    plain = prepare(a_message())
    told = prepare(a_message(on_dead=a_message(message_id="sorry")))

    assert plain.argv()[-1] == "0"
    assert told.argv()[len(plain.argv()) - 1 :] == ["1", *prepare(a_message(message_id="sorry")).argv()]
