"""Commands that the gateway answers itself, at once: they do not wait in the mailbox behind what they are about."""

from __future__ import annotations

from typing import Final

STOP: Final = "stop"
START: Final = "start"
HELP: Final = "help"
PRIVACY: Final = "privacy"
#: What is said behind PRIVACY to have it erased.
ERASE: Final = "erase"

CONTROLS: Final = frozenset({STOP, START, HELP, PRIVACY})

#: The menu that Telegram shows beside the text field.
MENU: Final = {
    START: "Say hello",
    HELP: "What I can do",
    STOP: "Stop answering, and forget what waits",
    PRIVACY: "What I keep of this chat, and how to erase it",
}

WELCOME = (
    "Hello! I am an AI assistant. Write to me and I answer; your messages are read one after the other, in order."
    " /stop stops me, /help says more."
)
HELP_TEXT = (
    "Write to me and I answer, one message after the other, in their order.\n\n"
    "/stop stops the answer that I am writing, and all that waits behind it.\n"
    "/privacy tells what I keep of this chat, and erases it.\n"
    "/help shows this.\n\n"
    "A message that you edit before I have read it is read as you edited it; one that you delete is not answered.\n"
    "In a group I read what names me, answers me, or is a command to me."
)
NOT_ALLOWED = "Sorry, I may not talk to you. If you know my operator, tell them your number: {user}."
TOO_MANY = (
    "You have sent me more messages than I can keep waiting, and I did not take the last ones."
    " I am answering those before; please send the others again after that. /stop makes me forget what waits."
)


NOT_YOURS = "In a group only those who run me may have me erase what was said in it."


def wants_erasing(text: str) -> bool:
    """Tell whether somebody who asks about privacy wants all to be erased."""
    return [word.lower() for word in text.split()[1:]] == [ERASE]


def kept(*, turns: int, dead: int, done: int, memory_days: int, done_hours: int, dead_days: int) -> str:
    """Say what is kept of a chat."""
    return (
        f"Of this chat I keep the last turns, so that I know what we spoke of: {turns} now. They go {memory_days} days"
        f" after the last message. What I could not answer, or not send, is kept for my operators to mend that, for"
        f" {dead_days} days: {dead} now. What I have answered, and my answer, are kept beside that for"
        f" {done_hours} h at most: {done} now. What you write is sent to the model that answers.\n\n"
        f"/{PRIVACY} {ERASE} erases all of it now, and stops what I am answering."
    )


def erased(*, turns: int, dead: int, done: int, waiting: int) -> str:
    """Say what was erased."""
    return (
        f"Erased: {turns} turns that I remembered, {dead} messages that I could not answer or send, {done} that were"
        f" answered or sent, {waiting} that waited."
    )


def stopped(count: int) -> str:
    """Say what /stop did."""
    if count == 0:
        return "There was nothing to stop."
    return "Stopped." if count == 1 else f"Stopped: {count} messages of yours will not be answered."
