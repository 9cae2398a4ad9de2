"""What happens to a message after it was sent: edits and deletions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway_running import a_gateway, ready, settings_for, until, with_a_centre, workers

if TYPE_CHECKING:
    from datacentre import DataCentre


@with_a_centre
async def test_an_edit_replaces_what_waits_and_nothing_else(dc: DataCentre, url: str, namespace: str) -> None:
    alice = dc.add_user("Alice")
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            first, second = dc.says(alice, "first"), dc.says(alice, "second")
            await until(lambda: taken.waiting() == 2 and taken.envelopes)
            dc.edits(first, "first, too late")
            dc.edits(second, "second, edited")
            mark = dc.says(alice, "third")
            await until(lambda: taken.waiting() == 3)
            taken.go_on.set()
            await until(lambda: len(taken.envelopes) == 3)
    assert taken.texts() == ["first", "second, edited", mark.text]


@with_a_centre
async def test_a_deleted_message_is_not_answered(dc: DataCentre, url: str, namespace: str) -> None:
    alice, bob = dc.add_user("Alice"), dc.add_user("Bob")
    with workers(url, namespace) as taken:
        taken.go_on.clear()
        async with a_gateway(settings_for(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "first")
            gone = dc.says(alice, "deleted")
            dc.says(bob, "bob's")
            await until(lambda: taken.waiting() == 3)
            dc.deletes(gone)
            await until(lambda: taken.waiting() == 2)
            taken.go_on.set()
            dc.says(alice, "last")
            await until(lambda: len(taken.envelopes) == 3)
    assert taken.texts(alice.id) == ["first", "last"]
