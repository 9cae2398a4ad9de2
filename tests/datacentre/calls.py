"""From a call to its answer: unwrap it, meet the fault that is ordered, hand it to the one that does it."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyrogram.raw.all import layer

from .faults import Fault
from .tl import F, T, name_of
from .world import Peer

if TYPE_CHECKING:
    from .server import DataCentre
    from .session import Session

# What only fetches or stores bytes, or only says hello, does not make a session one that receives updates.
_ASIDE = ("upload.", "auth.", "help.", "invoke")

# These spend a delay themselves, while their random ids count as running.
_SENDS = frozenset({"messages.SendMessage", "messages.SendMedia", "messages.SendMultiMedia"})


class RpcFailure(Exception):
    """The call is answered with an error."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(f"[{code} {name}]")
        self.code, self.name = code, name


class NoAnswer(Exception):
    """The call is never answered. `cut` says that the connection is cut instead."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__(cut)
        self.cut = cut


@dataclass(slots=True, kw_only=True)
class Call:
    """One call at work."""

    dc: "DataCentre"
    session: "Session"
    query: Any
    fault: Fault | None = None

    @property
    def bot_id(self) -> int:
        """Return who is signed in with the session's key.

        Raises:
            RpcFailure: nobody is.
        """
        number = self.dc.world.logins.get(self.session.key_id)
        if number is None:
            raise RpcFailure(401, self.dc.unauthorized)
        return number

    async def wait(self) -> None:
        """Spend the time that a fault gave this call, once. A send does it while its random id counts as running."""
        fault, self.fault = self.fault, None
        if fault is not None and fault.kind == "delay":
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault is not None and fault.kind == "hold":
            await fault.let_go.wait()


class BadMessage(Exception):
    """The call is answered by a refusal of the message that it came in."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


Handler = Callable[[Call], Any]


async def perform(dc: "DataCentre", session: "Session", query: Any) -> Any:
    """Do the call and return its answer; an error is an answer, too.

    Raises:
        NoAnswer: a fault wants it so.
        BadMessage: the same.
    """
    if isinstance(query, F.InvokeWithLayer) and query.layer != layer:
        dc.record.add("another_layer", text=f"{query.layer}, not {layer}")
    query, silent = _unwrapped(query)
    name = name_of(query)
    dc.note_call(name, peer_of(query, session, dc))
    fault = dc.faults.take(name, query)
    call = Call(dc=dc, session=session, query=query, fault=fault)
    try:
        if fault is not None:
            _before(fault)
        handler = dc.handlers.get(name, _unknown)
        if name not in _SENDS:
            await call.wait()
        result = handler(call)
        if inspect.isawaitable(result):
            result = await result
        if not silent and not name.startswith(_ASIDE) and session.key_id in dc.world.logins:
            dc.make_main(session)
    except RpcFailure as failure:
        return T.RpcError(error_code=failure.code, error_message=failure.name)
    finally:
        if fault is not None and fault.kind == "hold":
            fault.answered += 1
    if fault is not None and fault.kind == "lose":
        raise NoAnswer(cut=fault.cut)
    if fault is not None:
        await _answer_late(fault)
    return result


def peer_of(query: Any, session: "Session", dc: "DataCentre") -> Peer | None:
    """Return the conversation that a query names, None where it names none."""
    named = getattr(query, "peer", None)
    if isinstance(named, T.InputPeerUser):
        return Peer("user", named.user_id)
    if isinstance(named, T.InputPeerChat):
        return Peer("group", named.chat_id)
    if isinstance(named, T.InputPeerChannel):
        return Peer("channel", named.channel_id)
    if isinstance(named, T.InputPeerSelf):
        return Peer("user", dc.world.logins.get(session.key_id, 0))
    return None


def _unknown(call: Call) -> Any:
    call.dc.record.add("unknown", text=name_of(call.query))
    raise RpcFailure(400, "INPUT_METHOD_INVALID")


def _before(fault: Fault) -> None:
    if fault.kind == "error":
        raise RpcFailure(fault.code, fault.name)
    if fault.kind == "drop":
        raise NoAnswer(cut=True)
    if fault.kind == "ignore":
        raise NoAnswer(cut=False)
    if fault.kind == "bad_message":
        raise BadMessage(fault.code)


async def _answer_late(fault: Fault) -> None:
    if fault.kind == "delay_answer":
        await asyncio.sleep(fault.delay_ms / 1000)
        fault.answered += 1
    if fault.kind == "hold_answer":
        await fault.let_go.wait()
        fault.answered += 1


def _unwrapped(query: Any) -> tuple[Any, bool]:
    """Return the innermost query, and whether the caller wants no updates."""
    silent = False
    while isinstance(query, F.InvokeWithLayer | F.InitConnection | F.InvokeWithoutUpdates):
        silent = silent or isinstance(query, F.InvokeWithoutUpdates)
        query = query.query
    return query, silent


def registry(*areas: Mapping[str, Handler]) -> dict[str, Handler]:
    """Put the areas' handlers together; each RPC has one."""
    found: dict[str, Handler] = {}
    for area in areas:
        assert not found.keys() & area.keys()
        found.update(area)
    return found
