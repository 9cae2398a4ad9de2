"""What is to come, what operators did, and the settings in force."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr

from okos.mailbox import AuditLog
from okos.server import shown
from okos.settings import Settings, find_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.responses import Response

    from okos.mailbox import ActorMeasures, MailboxSeen
    from okos.web.guard import Visit

_SHOWN = 100
MASKED = "set, not shown"
_URLS = {"redis_url", "base_url", "endpoint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Maintenance that the scheduler sends. `measured` is None if no worker has done it yet."""

    name: str
    every_s: float
    what: str
    seen: MailboxSeen
    measured: ActorMeasures | None

    @property
    def runs(self) -> int:
        """How often it was done."""
        return 0 if self.measured is None else self.measured.run.count

    @property
    def failures(self) -> int:
        """How often it failed."""
        return 0 if self.measured is None else self.runs - self.measured.outcomes.get("ok", 0)

    @property
    def usual_ms(self) -> float | None:
        """How long it takes, most often."""
        return None if self.measured is None else self.measured.run.quantile_ms(0.5)


def show(visit: Visit) -> Response:
    """Show the maintenance, and what is delayed."""
    broker, schedule = visit.site.broker, visit.site.settings.schedule
    measured = broker.measures().actors
    return visit.site.page(
        visit,
        "schedule.html",
        title="Schedule",
        gauges=broker.gauges(),
        maintenance=[
            Chore(
                name=name,
                every_s=every_s,
                what=what,
                seen=broker.mailbox(f"maintenance:{name}"),
                measured=measured.get(name),
            )
            for name, every_s, what in (
                ("sweep", schedule.sweep_s, "finds what stalled, is due or has expired"),
                ("prune", schedule.prune_s, "deletes history that is kept no longer"),
            )
        ],
        delayed=broker.delayed(limit=_SHOWN),
        most=_SHOWN,
    )


def show_audit(visit: Visit) -> Response:
    """Show what operators did."""
    only = next((log for log in AuditLog if log == visit.asked("only")), None)
    entries = visit.site.broker.audit(limit=_SHOWN, only=only)
    return visit.site.page(visit, "audit.html", title="Audit", entries=entries, only=only)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """A setting as it is in force. `value` is empty when it is unset."""

    name: str
    value: str
    is_default: bool


def show_settings(visit: Visit) -> Response:
    """Show the settings of this OS process."""
    settings = visit.site.settings
    sections: dict[str, list[SettingRow]] = {"": []}
    for row in rows(settings, Settings()):
        section, _, _ = row.name.rpartition(".")
        sections.setdefault(section, []).append(row)
    return visit.site.page(
        visit,
        "settings.html",
        title="Settings",
        sections=sections,
        source=source(find_config()),
        limits=visit.site.broker.limits(),
    )


def source(config: Path | None) -> str:
    """Say where the settings of this process are from."""
    if config is None:
        return "from the environment; there is no file"
    if str(config) == os.devnull:
        return "from the process that started it, which read them from its file and environment"
    return f"from {config} and the environment"


def rows(values: BaseModel, defaults: BaseModel, prefix: str = "") -> Iterator[SettingRow]:
    """Give every setting, sections after what is in none, without a secret."""
    names = list(type(values).model_fields)
    plain = [name for name in names if not _is_section(getattr(values, name))]
    for name in plain:
        value = getattr(values, name)
        yield SettingRow(name=prefix + name, value=written(name, value), is_default=value == getattr(defaults, name))
    for name in (name for name in names if name not in plain):
        section, default = getattr(values, name), getattr(defaults, name)
        if isinstance(section, BaseModel):
            yield from rows(section, default, f"{prefix}{name}.")
            continue
        for key, part in section.items():
            yield from rows(part, default.get(key, type(part)()), f"{prefix}{name}.{key}.")


def written(name: str, value: object) -> str:
    """Write a value for a reader who may not know its secrets."""
    match value:
        case None:
            return ""
        case SecretStr():
            return MASKED
        case str() if name in _URLS:
            return shown(value)
        case bool():
            return "yes" if value else "no"
        case tuple() | Mapping():
            parts = (
                (f"{key} = {part}" for key, part in value.items()) if isinstance(value, Mapping) else map(str, value)
            )
            return ", ".join(parts) or "none"
        case _:
            return str(value)


def _is_section(value: object) -> bool:
    """Whether it has settings of its own: a section, or sections by name."""
    if isinstance(value, Mapping):
        return any(isinstance(part, BaseModel) for part in value.values())
    return isinstance(value, BaseModel)
