"""Previews: what cannot be sent is lost alone, and closing never waits for long."""

import threading
from typing import Any, cast

import pytest
from mailboxes import Mailboxes

from okos.mailbox import preview
from okos.mailbox.preview import Previews, PreviewSender


@pytest.mark.parametrize(
    ("channel", "payload"),
    [("lone \ud800", b"x"), ("a", {"no": "bytes"}), ("a", None), ("a", "lone \ud800")],
)
def test_a_preview_that_cannot_be_sent_is_dropped_and_the_next_is_shown(
    mailboxes: Mailboxes, channel: str, payload: object
) -> None:
    sender = PreviewSender(mailboxes.store)

    with Previews(mailboxes.store, "a") as seen:
        sender.send(channel, cast("Any", payload))
        while sender._queue.qsize():  # it is taken alone: what it is sent with may be lost with it
            pass
        sender.send("a", b"the next")
        shown = next(one for one in seen if one is not None)

    sender.close()
    sender._thread.join(60)
    assert shown == b"the next"
    assert not sender._thread.is_alive()


def test_closing_sends_what_is_queued_and_never_blocks_though_the_queue_is_full(
    mailboxes: Mailboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_QUEUED", 3)
    sender = PreviewSender(mailboxes.store)

    with Previews(mailboxes.store, "a") as seen:
        for _ in range(1000):
            sender.send("a", b"x")
        sender.send("a", b"")
        closing = threading.Thread(target=sender.close)
        closing.start()
        closing.join(60)
        assert not closing.is_alive()
        assert next(one for one in seen if one is not None) == b"x"

    sender._thread.join(60)
    assert not sender._thread.is_alive()
