"""Objects of Telegram's schema, filled at random: whatever a data centre may send, and what nobody would."""

from __future__ import annotations

import inspect
import io
import re
from typing import TYPE_CHECKING, Any

from okos.telegram.library import T

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# Any, in this module: generated.

MOST_DEPTH = 6
NUMBERS = [0, 1, -1, 7, 255, 256, 2**31 - 1, -(2**31), 2**31, 2**53, 2**63 - 1, -(2**63)]
TEXTS = [
    *("", " ", "\0", "hello", "/start", "/stop@okos_bot", "@okos_bot", "/" * 70, "é" * 300, "\u202egnp.exe", "\ufeff"),
    *("😀" * 50, "a\r\nb", "<b>&", "{{7*7}}", "%s%n", "../../etc/passwd", "\n" * 4000, "x" * 5000),
]
#: How a list begins.
_VECTOR = bytes.fromhex("15c4b51c")
#: Bases whose names begin the names of others, too.
_KINDS = {
    "Peer": ["PeerUser", "PeerChat", "PeerChannel"],
    "Message": ["Message", "MessageService", "MessageEmpty"],
    "Photo": ["Photo", "PhotoEmpty"],
    "Document": ["Document", "DocumentEmpty"],
    "User": ["User", "UserEmpty"],
    "Chat": ["Chat", "ChatEmpty", "ChatForbidden", "Channel", "ChannelForbidden"],
}
_BASE = re.compile(r"raw\.base\.([\w.]+)")
_NAMES = [name for name in dir(T) if inspect.isclass(getattr(T, name)) and hasattr(getattr(T, name), "QUALNAME")]


def an_object(random: Random, kind: Any, depth: int = 0) -> Any:
    """Fill an object of this class; what may be missing is missing half of the time, and always far down."""
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if name in {"self", "kwargs"}:
            continue
        is_optional = parameter.default is not inspect.Parameter.empty
        if is_optional and (depth >= MOST_DEPTH or random.random() < 0.5):
            continue
        fields[name] = _a_value(random, str(parameter.annotation), depth)
    return kind(**fields)


def _a_value(random: Random, annotation: str, depth: int) -> Any:
    if "List[" in annotation or "list[" in annotation:
        inner = annotation.partition("ist[")[2]
        return [_a_value(random, inner, depth + 1) for _ in range(random.choice([0, 0, 1, 2, 3]))]
    based = _BASE.search(annotation)
    if based is not None:
        return _of_base(random, based[1], depth)
    plain: dict[str, Callable[[], Any]] = {
        "bool": lambda: random.random() < 0.5,
        "bytes": lambda: random.randbytes(random.choice([0, 1, 8, 300])),
        "str": lambda: random.choice(TEXTS),
        "float": lambda: random.choice([0.0, -1.5, float("inf"), float("nan")]),
    }
    return next((make() for name, make in plain.items() if name in annotation), random.choice(NUMBERS))


def _of_base(random: Random, base: str, depth: int) -> Any:
    """Choose one of the classes that go by the name of their base, as nearly all do."""
    if "." in base:
        return None
    kinds = _KINDS.get(base) or [name for name in _NAMES if re.fullmatch(rf"{base}([A-Z]\w*)?", name)]
    if not kinds or depth > 2 * MOST_DEPTH:
        return None
    return an_object(random, getattr(T, random.choice(kinds)), depth + 1)


def written(one: Any) -> bytes | None:
    """Write an object as it travels; None if a number does not fit where it stands."""
    try:
        sent: bytes = one.write()
    except Exception:  # noqa: BLE001 - whatever the library makes of it: it never travels
        return None
    return sent


def damaged(random: Random, sent: bytes) -> bytes:
    """Change some bytes, take some out, or put some in."""
    changed = bytearray(sent)
    for _ in range(random.choice([1, 1, 2, 5, 20])):
        place = random.randrange(len(changed) + 1)
        match random.randrange(3):
            case 0 if place < len(changed):
                changed[place] = random.randrange(256)
            case 1:
                del changed[place : place + random.choice([1, 4])]
            case _:
                changed[place:place] = random.randbytes(random.choice([1, 4]))
    return bytes(changed)


def read_back(sent: bytes) -> Any:
    """Read an object as the library does; None if it cannot.

    One that says to hold millions of others is not tried: the library would look for each of them behind the end.
    """
    from pyrogram.raw.core import TLObject  # noqa: PLC0415 - after the library has its event loop

    counts = [int.from_bytes(part[:4], "little") for part in sent.split(_VECTOR)[1:]]
    if max(counts, default=0) > len(sent):
        return None
    try:
        return TLObject.read(io.BytesIO(sent))
    except Exception:  # noqa: BLE001 - the library fails in as many ways as there are bytes
        return None
