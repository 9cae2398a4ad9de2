"""What the demo says at the end, for a person and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from okos.demo.tally import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The worker that was killed.

    Attributes:
        pid: Its Dramatiq process.
        held: How many messages it had in hand: the engine counts those whose lease ran out.
        rerun_ms: From the kill to the first glimpse of one of them in its second attempt; None if none was seen.
        replaced_ms: From the kill to the first sign of life of the worker in its place; None if none was seen.
    """

    pid: int
    held: int
    rerun_ms: int | None
    replaced_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened.

    Attributes:
        concurrency: The most users served at one instant (see `okos.demo.tally` for how it is known).
        duration_ms: From the first message sent to the last one answered, the kill in between.
    """

    rows: list[Row]
    concurrency: int
    duration_ms: int
    kill: Kill | None

    @property
    def sent(self) -> int:
        """All messages."""
        return sum(row.sent for row in self.rows)

    @property
    def answered(self) -> int:
        """All messages that have a real answer."""
        return sum(row.answered for row in self.rows)

    @property
    def doubled(self) -> int:
        """All answers that should not have come."""
        return sum(row.doubled for row in self.rows)

    @property
    def ok(self) -> bool:
        """Whether every message was answered exactly once and in order."""
        return all(row.is_right for row in self.rows)

    @property
    def messages_per_s(self) -> float:
        """Answers a second."""
        return round(self.answered * 1000 / max(1, self.duration_ms), 1)

    def as_dict(self) -> dict[str, Any]:  # Any: JSON
        """Give the report as JSON can hold it."""
        return {
            "ok": self.ok,
            "sent": self.sent,
            "answered": self.answered,
            "in_order": all(row.in_order for row in self.rows),
            "doubled": self.doubled,
            "concurrency": self.concurrency,
            "duration_ms": self.duration_ms,
            "messages_per_s": self.messages_per_s,
            "kill": None if self.kill is None else asdict(self.kill),
            "users": [asdict(row) for row in self.rows],
        }

    def print(self, console: Console) -> None:
        """Print the table, what it means, and what to try next."""
        console.print(self._table())
        for line in self._lines():
            console.print(line)
        console.print()
        console.print(_next_steps())

    def _table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_footer=True)
        table.add_column("User", "All")
        table.add_column("Sent", str(self.sent), justify="right")
        table.add_column("Answered", str(self.answered), justify="right")
        table.add_column("In order", _yes(all(row.in_order for row in self.rows)), justify="right")
        table.add_column("Doubled", str(self.doubled), justify="right")
        for row in self.rows:
            style = "" if row.is_right else "bold red"
            table.add_row(row.user, str(row.sent), str(row.answered), _yes(row.in_order), str(row.doubled), style=style)
        return table

    def _lines(self) -> list[Text]:
        right = (
            Text("Every message was answered exactly once, and in its user's order.", "bold green")
            if self.ok
            else Text("NOT every message was answered exactly once and in order.", "bold red")
        )
        lines = [
            right,
            Text(f"Concurrency reached: {self.concurrency} of {len(self.rows)} users served at the same instant."),
            Text(
                f"{self.answered} answers in {self.duration_ms / 1000:.1f} s, {self.messages_per_s} a second,"
                " the kill included."
            ),
        ]
        if self.kill is not None:
            again = "" if self.kill.rerun_ms is None else f"; they ran again from {self.kill.rerun_ms / 1000:.1f} s on"
            lines.append(Text(f"The killed worker (pid {self.kill.pid}) had {self.kill.held} messages in hand{again}."))
        return lines


def _yes(value: object) -> str:
    return "yes" if value else "NO"


def _next_steps() -> Text:
    return Text.assemble(
        "The answers came from the offline responder. Next:\n",
        ("  okos chat", "bold"),
        "                    talk to it yourself\n",
        ("  okos up", "bold"),
        "                      run Okos for good; `okos status` shows how it does\n",
        ("  OKOS_MODEL__API_KEY=…", "bold"),
        "        real answers, from OpenAI; from any other server with its API:\n",
        ("  OKOS_MODEL__BASE_URL=… OKOS_MODEL__NAME=…", "bold"),
    )
