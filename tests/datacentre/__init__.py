"""A Telegram data centre for tests: real MTProto over TCP on loopback, to which unmodified clients sign in.

In a test with a loop::

    dc = await DataCentre().start()                # a free port; dc.address is host:port
    with pointed_at(dc):                           # Pyrogram dials it (Okos is told by settings instead)
        alice = dc.add_user("Alice")
        question = dc.says(alice, "how do you do?")
        await dc.until(lambda: dc.answers(alice))
        assert dc.violations() == []               # exactly one answer to each message, in order per chat
    await dc.stop()                                # start() again: the same port, with all that it had

In a test without: ``with running() as dc: … wait_until(lambda: dc.answers(alice))``; each method of people and troubles
may be called from any thread. As a process of its own, with a text client on its input and output (commands.py):
``PYTHONPATH=tests python -m datacentre --port 4430 --state FILE``.

To configure a client: ``dc.address``, ``dc.public_key_path`` (PKCS#1 PEM), ``dc.bot_token``; api_id and api_hash are
free unless given to the constructor.

People (people.py): add_user, add_group, add_supergroup(forum=True), add_channel, add_topic, adds_bot; says,
sends_photo, sends_album, sends_sticker, sends_voice, sends_document, sends_video, sends_other, edits, deletes, presses,
types, blocks, unblocks; visible, answers, content. A place to speak is a User, a Chat, or a Message (its chat and
topic); in groups `by=` says who does. `form=` says how the bot hears of it live, see core.Form; `dc.form` is the
default.

Troubles (troubles.py): fail, drop, ignore, lose_answer, delay, hold/let_go, refuse_message, refuse/accept,
cut_connections, pause/go_on, revoke, forget_keys, revoke_token, forget_changes, expire_files, forget_sessions;
lift_faults. Attributes: slice_size (changes in a difference, 100), answers_pings, transport_error (-429: the answer to
every packet), refuses_overlap (AUTH_KEY_DUPLICATED for a second live session).

What happened (record.py): dc.record.of("said", peer), .counts() by RPC name, .events, .calls, .most_within(1000, peer);
dc.violations(). dc.do(function) does several things in one step of the loop.

What it does not do: other transports than abridged TCP, other DC addresses than its own, rate limits by itself (order
them), clients of people. Only one bot.
"""

from .client import a_bot, a_client, a_listener, pointed_at, with_a_centre
from .entities import Entity
from .faults import Fault
from .record import Event, quotes, violations
from .server import DataCentre, running, wait_until
from .world import Chat, Media, Message, Peer, User

__all__ = [
    "Chat",
    "DataCentre",
    "Entity",
    "Event",
    "Fault",
    "Media",
    "Message",
    "Peer",
    "User",
    "a_bot",
    "a_client",
    "a_listener",
    "pointed_at",
    "quotes",
    "running",
    "violations",
    "wait_until",
    "with_a_centre",
]
