"""How a reply travels: the Dramatiq message that an outbox holds, and the words when there is no answer.

Whoever gives a message up needs the same two things: the worker that answers, and the channel that publishes
(its prepared apology is what a user gets even if no worker lives to write one). Nothing here meets the store.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from dramatiq import Message

from okos.envelope import Reply

if TYPE_CHECKING:
    from okos.envelope import Envelope

DELIVER = "deliver"

#: A reply outlives any number of kills that happen to a channel, but not one that it would cause itself, for ever.
MAX_STALLS = 100

# A local client that left does not come back for its outbox: an hour is long enough for one that reconnects.
LOCAL_EXPIRES_MS = 3_600_000

# A file that could not be delivered in a day is no longer waited for; its reply then says so.
FILE_TTL_MS = 86_400_000


class GivenUp(StrEnum):
    """Why a message was given up on, in the words for its user: what happened, and what happens next."""

    FAILED = (
        "Sorry, something went wrong on my side and I could not answer this message."
        " It is kept and the operator can see it; please send it again, or go on with your next one."
    )
    BUSY = (
        "Sorry, the model I ask is overloaded or out of reach, and I could not answer this message."
        " Please send it again in a few minutes; your next messages are read as usual."
    )
    REFUSED = (
        "Sorry, the model I ask does not take my questions at the moment, so I could not answer this message."
        " The operator has to look at it; please send it again later."
    )


def apology(envelope: Envelope, why: GivenUp = GivenUp.FAILED) -> Reply:
    """Word the reply to a message that was given up on: it ends the turn and holds nothing internal."""
    return Reply(envelope_id=envelope.id, chat=envelope.chat, text=why.value, last=True, failed=True)


def file_ttl_ms(envelope: Envelope) -> int:
    """Tell how long the bytes of a file that is replied to an envelope are kept at most: as long as its reply waits."""
    return LOCAL_EXPIRES_MS if envelope.channel == "local" else FILE_TTL_MS


def is_outbox_of(outbox: str, mailbox: str) -> bool:
    """Tell whether the mailbox `outbox` holds replies to the chat of this mailbox; topics of a chat share one."""
    channel, _, chat = mailbox.partition(":")
    chat = chat.partition(":")[0]
    client = "" if channel != "local" else r"\.[^.]+"
    return re.fullmatch(rf"outbox\.{re.escape(channel)}{client}\.{re.escape(chat)}", outbox) is not None


def posted(envelope: Envelope, reply: Reply) -> Message[Any]:
    """Address a reply to the outbox that its envelope names; within an outbox the replies of a chat keep their order.

    Each outbox has mailboxes of its own: a local client that left its replies behind must not stand before the next.
    """
    reply = replace(reply, address=envelope.address)
    # The policy for turns is not one for replies: an answer that is there costs nothing more, is never said beside
    # another one of its chat, and is not to blame when who says it is killed. Any: Dramatiq's own.
    options: dict[str, Any] = {
        "mailbox": f"{envelope.reply_to}.{envelope.chat}",
        "cost": 0,
        "strict": True,
        "max_stalls": MAX_STALLS,
    }
    if envelope.channel == "local":
        options["expires"] = LOCAL_EXPIRES_MS
    return Message(queue_name=envelope.reply_to, actor_name=DELIVER, args=(reply.encode(),), kwargs={}, options=options)
