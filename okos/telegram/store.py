"""What the gateway keeps in the store, and under which names. Each call is a round trip: never on the event loop.

telegram:<bot>                  progress: how far the common box is, and up to when changed channels are known (s)
telegram:<bot>:<channel>        progress: how far a channel's box is, and the access hash of the channel
telegram:<bot>:session          the session, so that no start signs in again
telegram:<bot>:refused          why Telegram refused us, and what was refused: not asked again
telegram:<bot>:wait             until when Telegram lets us not sign in
telegram:<bot>:album:<album>    the files of an album that is being gathered
telegram:<bot>:peer:<user>      the access hash of a user
telegram:<bot>:state            how this gateway is, for whoever looks; gone soon after it
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import structlog

from okos.errors import OkosError
from okos.mailbox import BadMessage, LeaseLost
from okos.operate.privacy import erase, kept_of
from okos.telegram.envelope import OUTBOX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dramatiq import Message

    from okos.mailbox import MailboxBroker
    from okos.operate.privacy import Kept

#: A gateway that has not run for so long signs in again.
SESSION_TTL_MS = 400 * 86_400_000
#: A user who has not written for so long is known again with the next message.
PEER_TTL_MS = 90 * 86_400_000
#: Until then an album may get another file, and Telegram may tell of one again.
ALBUM_TTL_MS = 86_400_000
STATE_TTL_MS = 15_000

#: A gateway that has not renewed its lease for so long is taken for dead.
LEASE_MS = 6_000

COMMON = 0
"""The box of private chats and basic groups; a channel's box goes by the channel's number."""


_log = structlog.get_logger()


class AnotherBot(OkosError):
    """The namespace is that of another bot."""


class GatewayStore:
    """The gateway's part of the store.

    Args:
        broker: Of the gateway.
        bot_id: Whose things these are.
        owner: Who we are, of all the processes that may be its gateway.
    """

    def __init__(self, broker: MailboxBroker, bot_id: int, *, owner: str) -> None:
        self._broker = broker
        self._bot_id = bot_id
        self._name = f"telegram:{bot_id}"
        self._owner = owner

    # -- what arrives -------------------------------------------------------------------------------------------------

    def publish(
        self, messages: Sequence[Message[Any]], progress: Mapping[int, tuple[int, int]]
    ) -> list[str]:  # Any: Dramatiq's
        """Publish messages and note how far we are: all of it, or nothing if the lease is another's.

        Args:
            messages: In their order.
            progress: By box, how far it is known and the channel's access hash; of the common one the date. (0, 0)
                forgets a channel.

        Returns:
            What became of each: new, seen, merged or full.

        Raises:
            StoreUnavailable: No answer; do it again.
            LeaseLost: Another gateway has taken over.
        """
        fields = {self._field(box): b"%d %d" % place for box, place in progress.items()}
        lease = (self._name, self._owner)
        try:
            return self._broker.enqueue_all(messages, progress=fields, lease=lease)
        except LeaseLost:
            # The store was away for longer than a lease lasts. If nobody else has it, it is ours again.
            if self.take_lease(ttl_ms=LEASE_MS) is not None:
                raise
            return self._broker.enqueue_all(messages, progress=fields, lease=lease)

    def is_accepted(self, dedup_id: str) -> bool:
        """Tell whether something was published with this dedup id and is remembered."""
        return self._broker.store.is_accepted(dedup_id)

    def progress(self) -> dict[int, tuple[int, int]]:
        """Tell how far each box is known, and the channels' access hashes; of the common one the date."""
        found: dict[int, tuple[int, int]] = {}
        for field, value in self._broker.progress().items():
            name, _, box = field.removeprefix("telegram:").partition(":")
            if field.startswith(self._name) and name == str(self._bot_id):
                pts, access_hash = value.split()
                found[int(box or COMMON)] = (int(pts), int(access_hash))
        return found

    def _field(self, box: int) -> str:
        return self._name if box == COMMON else f"{self._name}:{box}"

    # -- the lease ----------------------------------------------------------------------------------------------------

    def take_lease(self, *, ttl_ms: int) -> str | None:
        """Take or renew the lease; None if it is ours now, else who has it.

        Raises:
            AnotherBot: The outbox is another bot's: what is in there would be said by the wrong one.
        """
        if not self._broker.take_lease(OUTBOX, str(self._bot_id), ttl_ms=ttl_ms):
            other = self._broker.lease_holder(OUTBOX) or "?"
            raise AnotherBot(
                f"the bot {other} uses this namespace, and each needs one of its own: stop its gateway (if it was"
                f" killed, wait {LEASE_MS // 1000} s), or set another OKOS_NAMESPACE for this bot and for its workers"
            )
        if self._broker.take_lease(self._name, self._owner, ttl_ms=ttl_ms):
            return None
        return self._broker.lease_holder(self._name) or "?"

    def release_lease(self) -> None:
        """Give the lease back, if it is ours. One of this bot's gateways that stands by takes the outbox's again."""
        self._broker.release_lease(self._name, self._owner)
        self._broker.release_lease(OUTBOX, str(self._bot_id))

    def release_lease_of(self, owner: str) -> None:
        """Take the lease from one that is known to be dead, if it still has it."""
        self._broker.release_lease(self._name, owner)

    def take_back(self, process: str) -> int:
        """Take back what the gateway before us had in hand; tells how many replies and files.

        Raises:
            LeaseLost: Another gateway has taken over.
        """
        return self._broker.take_back(process, lease=(self._name, self._owner))

    def lease_holder(self) -> str | None:
        """Tell who has the lease; None if nobody has."""
        return self._broker.lease_holder(self._name)

    def stand_by(self, *, ttl_ms: int) -> None:
        """Note that this process waits for the lease."""
        self.write("standby", {"owner": self._owner}, ttl_ms=ttl_ms)

    def is_stood_by(self) -> bool:
        """Tell whether another process waits for the lease."""
        found = self.read("standby")
        return found is not None and found["owner"] != self._owner

    # -- small things -------------------------------------------------------------------------------------------------

    def read(self, name: str) -> dict[str, Any] | None:  # Any: JSON
        """Read one of the gateway's things; None when there is none."""
        value = self._broker.read(f"{self._name}:{name}")
        return None if value is None else json.loads(value)

    def write(self, name: str, value: Mapping[str, object], *, ttl_ms: int) -> None:
        """Keep one of the gateway's things."""
        self._broker.write(f"{self._name}:{name}", json.dumps(value).encode(), ttl_ms=ttl_ms)

    def delete(self, name: str) -> None:
        """Forget one of the gateway's things."""
        self._broker.delete(f"{self._name}:{name}")

    def write_peers(self, hashes: Mapping[int, int]) -> None:
        """Keep users' access hashes."""
        values = {
            f"{self._name}:peer:{user}": json.dumps({"access_hash": one}).encode() for user, one in hashes.items()
        }
        self._broker.write_all(values, ttl_ms=PEER_TTL_MS)

    def read_peer(self, user: int) -> int | None:
        """Tell a user's access hash; None for one who is not known."""
        found = self.read(f"peer:{user}")
        return None if found is None else int(found["access_hash"])

    # -- what changes what waits --------------------------------------------------------------------------------------

    def replace(self, message: Message[Any], *, hold_ms: int | None = None, unless: str = "") -> str:  # Any: Dramatiq's
        """Give a message that has not started another content; as the broker's.

        One that an edit makes another kind stays as it was: it is in the queue of its kind.
        """
        if message.options.get("on_dead") is not None:
            message = message.copy()
            del message.options["on_dead"]
        try:
            return self._broker.replace(message, hold_ms=hold_ms, unless=unless)
        except BadMessage as problem:
            _log.info("edit ignored", message_id=message.message_id, reason=str(problem))
            return ""

    def hold(self, message_id: str, hold_ms: int) -> bool:
        """Let a message that has not started start only after so long (0: now); False if it is too late."""
        return self._broker.hold(message_id, hold_ms)

    def cancel(self, message_id: str, reason: str) -> str:
        """Cancel a message; tells whether it waited (cancelled), ran (flagged) or was over (ended)."""
        return self._broker.cancel(message_id, reason=reason)

    def kept_of(self, mailbox: str) -> Kept:
        """Tell what is kept of a mailbox."""
        return kept_of(self._broker, mailbox)

    def erase(self, mailbox: str) -> Kept:
        """Erase what is kept of a mailbox; tells what there was."""
        return erase(self._broker, mailbox)

    def cancel_mailbox(self, mailbox: str, reason: str) -> int:
        """Cancel all that waits or runs in a mailbox; tells how many."""
        return sum(self._broker.cancel_mailbox(mailbox, reason=reason))
