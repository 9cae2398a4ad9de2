"""Reading what the store holds: written by us, by another version, or by whoever else can reach it.

The rule kept here: nothing that is read names code. A body is JSON with fields of known types, its actor is looked up
among those that this process has declared, and an option that Dramatiq would act upon has a type that it can act upon.
What is anything else is `Unreadable`, and buried: no worker could run it, and it must not break the one that tries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dramatiq
from dramatiq.encoder import PickleEncoder
from dramatiq.errors import DecodeError
from dramatiq.message import get_encoder

from okos.mailbox.errors import EngineError, RunsCode
from okos.mailbox.publication import MOST_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_REASON_CHARACTERS = 200


class Unreadable(EngineError):
    """A body is no message that could run; says why, without quoting it."""


def refuse_pickle() -> None:
    """See that Dramatiq's encoder is none that runs code.

    Raises:
        RunsCode: It is.
    """
    if isinstance(get_encoder(), PickleEncoder):
        raise RunsCode("dramatiq's PickleEncoder runs code from the server: use its JSONEncoder, or one of your own")


def read_body(body: bytes | None) -> dramatiq.Message[Any]:  # Any: what the actor would return
    """Read a message as Dramatiq encoded it.

    Raises:
        Unreadable: It cannot be decoded, or cannot run.
    """
    if body is None:
        raise Unreadable("it has no body")
    try:
        message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
    except DecodeError as error:
        raise Unreadable(f"it cannot be decoded: {_reason(error)}") from error
    try:
        wrong = _wrong(message)
    except RecursionError:
        wrong = "it is nested too deeply"
    if wrong is not None:
        raise Unreadable(f"it cannot run: {wrong}")
    return message


def message_or_none(body: bytes | None) -> dramatiq.Message[Any] | None:  # Any: as above
    """Read a message to be looked at; None when it is none."""
    try:
        return read_body(body)
    except Unreadable:
        return None


def actor_of(body: bytes | None) -> str | None:
    """Read the actor of a message; None when it is none."""
    message = message_or_none(body)
    return None if message is None else message.actor_name


def shown(raw: bytes) -> str:
    """Give a name to be shown: one that is no text can be written by hand only, and is shown with its bytes."""
    return raw.decode("utf-8", "backslashreplace")


def encodable(text: str) -> str:
    """Give a text that may hold bytes that were none (an argument of a command) as one that can be written anywhere."""
    return text.encode("utf-8", "backslashreplace").decode()


def kept(raw: bytes) -> str:
    """Give a name that the store is told as it came, whatever it is."""
    return raw.decode("utf-8", "surrogateescape")


def _reason(error: DecodeError) -> str:
    """Name the innermost error; Dramatiq's own quote the body, which holds what somebody wrote."""
    inner: object = error
    while isinstance(inner, DecodeError):
        inner = inner.error
    return " ".join(f"{type(inner).__name__}: {inner}".split())[:_REASON_CHARACTERS]


def _is_number(value: object) -> bool:
    # infinity is one that Dramatiq takes, for no limit
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and (0 <= value <= MOST_MS or value == float("inf"))  # type: ignore[operator]  # it is one


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_publication(value: object) -> bool:
    """Tell whether this is what a pipeline sends next, with the types that it has to have."""
    if not isinstance(value, dict):
        return False
    try:
        following: dramatiq.Message[Any] = dramatiq.Message(**value)
    except (TypeError, ValueError):
        return False
    return _wrong(following) is None


def _never(_value: object) -> bool:
    return False


#: Options that a worker acts upon, and what they may be beside None. `eta` belongs to delay queues, of which there are
#: none; `throws` to exceptions, which cannot travel.
_OPTIONS: Mapping[str, Callable[[object], bool]] = {
    "eta": _never,
    "throws": _never,
    "time_limit": _is_number,
    "max_age": _is_number,
    "max_retries": _is_number,
    "min_backoff": _is_number,
    "max_backoff": _is_number,
    "on_success": _is_text,
    "on_failure": _is_text,
    "on_retry_exhausted": _is_text,
    "pipe_target": _is_publication,
}

_FIELDS: Mapping[str, type] = {
    "queue_name": str,
    "actor_name": str,
    "args": tuple,
    "kwargs": dict,
    "options": dict,
    "message_id": str,
    "message_timestamp": int,
}


def _wrong(message: dramatiq.Message[Any]) -> str | None:
    for name, kind in _FIELDS.items():
        if not isinstance(getattr(message, name), kind):
            return f"its {name} is of the type {type(getattr(message, name)).__name__}"
    for name, value in message.options.items():
        may_be = _OPTIONS.get(name)
        if value is not None and may_be is not None and not may_be(value):
            return f"its option {name} is nothing that a worker could act upon"
    return None
