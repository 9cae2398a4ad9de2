"""A delivery as a worker's thread has it, claimed and not begun."""

from __future__ import annotations

import dramatiq

from okos.mailbox.delivery import Claimed, Delivery


def a_delivery(kind: type[Delivery] = Delivery, number: int = 1, /, *, retries: int = 0, **options: object) -> Delivery:
    """Make the first attempt of message m1 of mailbox local:7, by token 7-ab; its lease never ends.

    With another number, it is another message, m2 by token 8-ab.
    """
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name="text", actor_name="answer", args=(), kwargs={}, options=options, message_id=f"m{number}"
    )
    claimed = Claimed(
        id=f"m{number}",
        token=f"{number + 6}-ab",
        body=message.encode(),
        mailbox="local:7",
        attempt=1,
        retries=retries,
        stalls=0,
        waited_ms=3,
        suspect=False,
    )
    return kind(message, claimed, deadline=float("inf"))
