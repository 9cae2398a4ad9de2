from __future__ import annotations

import pytest

from okos.telegram.address import Address
from okos.telegram.ledger import Shown


@pytest.mark.parametrize(
    ("text", "file", "doubtful", "becomes"),
    [
        (True, False, False, True),
        (True, False, True, False),
        (True, True, False, False),
        (False, True, False, False),
        (False, False, False, False),
    ],
)
def test_a_preview_becomes_a_text_unless_an_edit_of_it_may_come_late(
    *, text: bool, file: bool, doubtful: bool, becomes: bool
) -> None:
    address = Address(kind="user", id=7, access_hash=3, message=1, topic=None, quotes=False)
    shown = Shown(address=address, mailbox="telegram:7", name=1, message=5, doubtful=doubtful)

    assert shown.may_become(text=text, file=file) is becomes
