"""Commands that the gateway answers itself, at once: they do not wait in the mailbox behind what they are about."""

from __future__ import annotations

from typing import Final

STOP: Final = "stop"
START: Final = "start"
HELP: Final = "help"

CONTROLS: Final = frozenset({STOP, START, HELP})

#: The menu that Telegram shows beside the text field.
MENU: Final = {
    START: "Say hello",
    HELP: "What I can do",
    STOP: "Stop answering, and forget what waits",
}

WELCOME = (
    "Hello! I am an AI assistant. Write to me and I answer; your messages are read one after the other, in order."
    " /stop stops me, /help says more."
)
HELP_TEXT = (
    "Write to me and I answer, one message after the other, in their order.\n\n"
    "/stop stops the answer that I am writing, and all that waits behind it.\n"
    "/help shows this.\n\n"
    "A message that you edit before I have read it is read as you edited it; one that you delete is not answered.\n"
    "In a group I read what names me, answers me, or is a command to me."
)
NOT_ALLOWED = "Sorry, I may not talk to you. If you know my operator, tell them your number: {user}."
TOO_MANY = (
    "You have sent me more messages than I can keep waiting, and I did not take the last ones."
    " I am answering those before; please send the others again after that. /stop makes me forget what waits."
)


def stopped(count: int) -> str:
    """Say what /stop did."""
    if count == 0:
        return "There was nothing to stop."
    return "Stopped." if count == 1 else f"Stopped: {count} messages of yours will not be answered."
