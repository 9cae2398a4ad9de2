"""A message as it is shown: with what its user wrote only where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dramatiq

#: Fields of an envelope that may hold what somebody wrote, or whom they are.
_WORDS = frozenset({"text", "emoji", "file_name", "address"})
HIDDEN = "…"
#: The last instant that a calendar has (Unix time, ms): what is later, or before 1970, somebody made up.
LATEST_MS = 253_402_300_799_000


def describe_message(message: dramatiq.Message[Any], *, texts: bool) -> dict[str, Any]:  # Any: what was sent
    """Give a message as JSON can hold it.

    Args:
        message: It.
        texts: Show what it says. If not, of what an envelope holds only what identifies it is shown, and of anything
            else that was sent nothing but how much there is.
    """
    options = {name: value for name, value in message.options.items() if _is_plain(value)}
    shown: dict[str, Any] = {
        "id": message.message_id,
        "actor": message.actor_name,
        "queue": message.queue_name,
        "sent_at_ms": message.message_timestamp,
        "options": options,
    }
    if texts:
        return shown | {"args": list(message.args), "kwargs": dict(message.kwargs)}
    return shown | {
        "args": [_hidden(one) for one in message.args],
        "kwargs": dict.fromkeys(message.kwargs, HIDDEN),
    }


def _hidden(value: Any) -> Any:  # Any: JSON
    # what has these is an envelope or a reply of Okos, whose fields are known
    if isinstance(value, dict) and ({"channel", "chat", "user", "kind"} <= value.keys() or "envelope_id" in value):
        return {name: HIDDEN if name in _WORDS and part else _inner(part) for name, part in value.items()}
    return HIDDEN


def _inner(value: Any) -> Any:  # Any: JSON
    """Hide the names of files, one level down."""
    if isinstance(value, dict):
        return {name: HIDDEN if name in _WORDS and part else part for name, part in value.items()}
    if isinstance(value, list):
        return [_inner(one) for one in value]
    return value


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)
