"""What Telegram's answer to a send or an edit means for the message, as a table. Pure.

By the error's name and code, not by its class: the libraries know different ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from okos.telegram.library import Refused

#: Telegram still works on the first send with this random id.
STILL_SENDING = "RANDOM_ID_DUPLICATE"

_FIRST_WAIT_MS = 500
_LONGEST_WAIT_MS = 30_000
#: After an answer that did not come: another line is most often there at once.
_LINE_WAIT_MS = 250
_TOO_FAST = 420
_OUR_FAULT = range(400, 500)
_NOT_SIGNED_IN = 401


class Action(Enum):
    """What is to be done."""

    DELIVERED = auto()
    LATER = auto()
    GIVE_UP = auto()
    #: Once more, without formatting.
    PLAIN = auto()
    #: Once more, not as a reply: what it answers is gone.
    NO_REPLY = auto()
    #: Once more, its parts first: Telegram does not have them, or not any more.
    UPLOAD = auto()
    #: Not as this: the chat, or Telegram, does not take such a file.
    OTHER_FORM = auto()
    #: The message that was to be edited is not there.
    GONE = auto()
    #: This session is over, and the gateway ends; the next one says it.
    STOP = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done, and for `LATER` after how long."""

    action: Action
    wait_ms: int = 0


_BY_NAME: dict[str, Action] = {
    "MESSAGE_NOT_MODIFIED": Action.DELIVERED,
    STILL_SENDING: Action.LATER,
    "MSG_WAIT_FAILED": Action.LATER,
    "MSG_WAIT_TIMEOUT": Action.LATER,
    "USER_IS_BLOCKED": Action.GIVE_UP,
    "INPUT_USER_DEACTIVATED": Action.GIVE_UP,
    "PEER_ID_INVALID": Action.GIVE_UP,
    "CHAT_WRITE_FORBIDDEN": Action.GIVE_UP,
    "CHANNEL_PRIVATE": Action.GIVE_UP,
    "TOPIC_DELETED": Action.GIVE_UP,
    "USER_BANNED_IN_CHANNEL": Action.GIVE_UP,
    "CHAT_RESTRICTED": Action.GIVE_UP,
    "REPLY_MESSAGE_ID_INVALID": Action.NO_REPLY,
    "REPLY_TO_INVALID": Action.NO_REPLY,
    "MESSAGE_ID_INVALID": Action.GONE,
    "MSG_ID_INVALID": Action.GONE,
    "MESSAGE_EDIT_TIME_EXPIRED": Action.GONE,
    "MESSAGE_AUTHOR_REQUIRED": Action.GONE,
    "AUTH_KEY_DUPLICATED": Action.STOP,
    "ACCESS_TOKEN_INVALID": Action.STOP,
    "ACCESS_TOKEN_EXPIRED": Action.STOP,
    "API_ID_INVALID": Action.STOP,
}

#: Whatever is wrong with the formatting, the words can be said.
_FORMATTING = ("ENTITY_", "ENTITIES_")
_PARTS = ("FILE_PART", "MD5_CHECKSUM_INVALID")
_FILES = ("PHOTO_", "IMAGE_", "MEDIA_", "FILE_", "STICKER_", "DOCUMENT_", "VOICE_", "WEBP_", "CHAT_SEND_", "EXTENSION_")


def judge(error: Exception, *, tries: int) -> Verdict:
    """Say what is to be done about an error.

    Args:
        error: Telegram's, or of the line to it.
        tries: How often the same was tried before: what is Telegram's own trouble is tried less and less often.
    """
    if not isinstance(error, Refused):
        return Verdict(action=Action.LATER, wait_ms=min(_LINE_WAIT_MS << min(tries, 3), _LONGEST_WAIT_MS))
    if error.code == _TOO_FAST:
        wait_ms = _backoff_ms(tries) if error.wait_ms is None else error.wait_ms
        return Verdict(action=Action.LATER, wait_ms=max(wait_ms, _LINE_WAIT_MS))
    action = _BY_NAME.get(error.name)
    if action is None:
        if error.name.startswith(_FORMATTING):
            action = Action.PLAIN
        elif error.code in _OUR_FAULT and error.name.startswith(_PARTS):
            action = Action.UPLOAD
        elif error.code in _OUR_FAULT and error.name.startswith(_FILES):
            action = Action.OTHER_FORM
        elif error.code == _NOT_SIGNED_IN:
            action = Action.STOP
        else:
            # What is wrong with a question does not change; anything else is Telegram's, and does.
            action = Action.GIVE_UP if error.code in _OUR_FAULT else Action.LATER
    waits = action in {Action.LATER, Action.STOP}
    return Verdict(action=action, wait_ms=_backoff_ms(tries) if waits else 0)


def _backoff_ms(tries: int) -> int:
    return min(_FIRST_WAIT_MS << min(tries, 16), _LONGEST_WAIT_MS)
