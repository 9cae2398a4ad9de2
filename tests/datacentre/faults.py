"""What can go wrong with a call, as a test orders it: the next call of that name meets the oldest fault that fits."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

FaultKind = Literal["error", "drop", "ignore", "lose", "delay", "delay_answer", "hold", "hold_answer", "bad_message"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault of one RPC.

    Kinds: `error` answers with an error and does nothing; `drop` cuts the connection and does nothing; `ignore` never
    answers and does nothing; `lose` does it, then cuts the connection (or just never answers, `cut=False`); `delay`
    waits before doing it, while a send's random id counts as running; `delay_answer` does it and then waits; `hold`
    does it when it is let go, whatever became of the connection; `hold_answer` does it at once and answers when it is
    let go; `bad_message` does nothing and answers that the message itself was refused (`code` 16 and 17: its time, 32
    and 33: its sequence), which is no error of the RPC.
    """

    rpc: str
    kind: FaultKind
    left: int | None = 1  # None: until lifted
    code: int = 0
    name: str = ""
    delay_ms: int = 0
    cut: bool = True
    fits: Callable[[Any], bool] = field(default=lambda _: True)
    met: int = 0  # how many calls it has met
    answered: int = 0  # how many of them were answered late, or done late
    let_go: asyncio.Event = field(default_factory=asyncio.Event)  # set: what it holds is done, or answered

    def lift(self) -> None:
        """Let every later call through."""
        self.left = 0


class Faults:
    """The faults that are ordered. `"*"` in place of a name fits every RPC but pings."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def order(self, fault: Fault) -> Fault:
        """Let the fault happen from the next call on."""
        self._ordered.append(fault)
        return fault

    def take(self, rpc: str, query: Any) -> Fault | None:
        """Return the fault that this call meets, and count it."""
        self._ordered = [fault for fault in self._ordered if fault.left != 0]
        for fault in self._ordered:
            if fault.rpc in {rpc, "*"} and fault.fits(query):
                fault.met += 1
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None

    def lift_all(self) -> None:
        """Let every later call through."""
        for fault in self._ordered:
            fault.lift()
