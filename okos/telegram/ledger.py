"""What the gateway remembers of what it is saying, so that the next one goes on with it: in the store, not in memory.

telegram:<bot>:shown:<envelope>     the preview that a chat sees of a turn: written before it is sent and around each
                                    edit of it, deleted when it is taken away, or with the settle of the reply that it
                                    becomes
telegram:<bot>:shown                the envelopes that may have one
telegram:<bot>:said:<record>        how many messages of a long reply are said
telegram:<bot>:uploaded:<record>    how many parts of a reply's file Telegram has

A short text leaves nothing here: its random id is enough. Each call is a round trip: never on the event loop.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from okos.telegram.address import Address

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from okos.mailbox import MailboxBroker, Run

#: A turn that has not ended in a week does not end.
TTL_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A preview.

    Attributes:
        address: Where it is.
        mailbox: Of its turn.
        name: The random id that it was sent with.
        message: Its message's id; None: nobody knows whether it was sent, and it was not edited.
        doubtful: Whether an edit of it was not answered: Telegram may do that at any time.
    """

    address: Address
    mailbox: str
    name: int
    message: int | None = None
    doubtful: bool = False

    def may_become(self, *, text: bool, file: bool) -> bool:
        """Tell whether it can be turned into what a reply says first; if not, it is taken away."""
        return text and not file and not self.doubtful


class Ledger:
    """The ledger of one bot.

    Args:
        broker: Of the gateway.
        bot_id: Whose it is.
    """

    def __init__(self, broker: MailboxBroker, bot_id: int) -> None:
        self._broker = broker
        self._name = f"telegram:{bot_id}"

    def write_shown(self, envelope_id: str, shown: Shown, *, among: Collection[str] | None = None) -> None:
        """Note a preview; and before the first time, that there may be one of these."""
        if among is not None:
            self._write(f"{self._name}:shown", sorted(among))
        fields = {
            "address": shown.address.encode(),
            "mailbox": shown.mailbox,
            "name": shown.name,
            "message": shown.message,
            "doubtful": shown.doubtful,
        }
        self._write(self._shown(envelope_id), fields)

    def shown(self, envelope_id: str) -> Shown | None:
        """Find the preview of a turn; None if there is none."""
        fields: Mapping[str, Any] | None = self._read(self._shown(envelope_id))  # Any: JSON
        if fields is None:
            return None
        return Shown(
            address=Address.decode(fields["address"]),
            mailbox=fields["mailbox"],
            name=fields["name"],
            message=fields["message"],
            # Who did not note it did not say that there is none.
            doubtful=fields.get("doubtful", fields["message"] is not None),
        )

    def all_shown(self) -> dict[str, Shown]:
        """Find every preview that has not become an answer."""
        found = {envelope_id: self.shown(envelope_id) for envelope_id in self._read(f"{self._name}:shown") or ()}
        return {envelope_id: shown for envelope_id, shown in found.items() if shown is not None}

    def forget_shown(self, envelope_id: str, run: Run | None = None) -> None:
        """Forget a preview: now, or with the settle of a run."""
        name = self._shown(envelope_id)
        if run is None:
            self._broker.delete(name)
        else:
            run.delete(name)

    def write_said(self, record: str, count: int) -> None:
        """Note that so many messages of a reply are said."""
        self._write(self._said(record), count)

    def said(self, record: str) -> int:
        """Tell how many messages of a reply are said."""
        return int(self._read(self._said(record)) or 0)

    def forget_said(self, record: str, run: Run) -> None:
        """Forget it, with the settle of its run."""
        run.delete(self._said(record))

    def write_uploaded(self, record: str, count: int) -> None:
        """Note that Telegram has so many parts of a reply's file."""
        self._write(self._uploaded(record), count)

    def uploaded(self, record: str) -> int:
        """Tell how many parts of a reply's file Telegram has."""
        return int(self._read(self._uploaded(record)) or 0)

    def forget_uploaded(self, record: str, run: Run | None = None) -> None:
        """Forget it: now, or with the settle of a run."""
        name = self._uploaded(record)
        if run is None:
            self._broker.delete(name)
        else:
            run.delete(name)

    def _uploaded(self, record: str) -> str:
        return f"{self._name}:uploaded:{record}"

    def _shown(self, envelope_id: str) -> str:
        return f"{self._name}:shown:{envelope_id}"

    def _said(self, record: str) -> str:
        return f"{self._name}:said:{record}"

    def _write(self, name: str, value: object) -> None:
        self._broker.write(name, json.dumps(value).encode(), ttl_ms=TTL_MS)

    def _read(self, name: str) -> Any:  # Any: JSON
        value = self._broker.read(name)
        return None if value is None else json.loads(value)
