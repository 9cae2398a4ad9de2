"""`okos demo`: an Okos of its own for half a minute, many users at once, and a worker killed on the way.

script.py   what the users say
play.py     plays it and kills the worker
tally.py    what happened, from what the users saw
screen.py   shows it live
report.py   what is said at the end
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.demo.play import Play
from okos.demo.script import write_script
from okos.local.reach import temporary_home
from okos.private import private_okos
from okos.settings import Settings
from okos.template import template_directory

if TYPE_CHECKING:
    from okos.demo.report import Report
    from okos.demo.screen import Screen

# Short, for the kill to be over soon: real workers hold a message for 15 s before it is run elsewhere.
LEASE_MS = 3_000
WORKERS = 2
# Each worker has slots for half of the users, so both are needed; beyond this, users take turns.
MOST_THREADS = 32


def run_demo(*, users: int, messages: int, screen: Screen) -> Report:
    """Play with so many users and so many messages of each, with the settings' defaults and no model.

    Raises:
        OkosError: There is no server to start, or nowhere to put a home, or the workers do not start.
    """
    threads = min(MOST_THREADS, -(-users // WORKERS))
    screen.event(
        f"{users} user{'s' * (users != 1)}, {messages} message{'s' * (messages != 1)} each:"
        " texts, photos and stickers, in bursts."
    )
    with temporary_home() as home:
        settings = Settings(home=home, lease_ms=LEASE_MS, max_backlog=max(100, messages))
        with private_okos(
            home, settings=settings, workers=WORKERS, threads=threads, directory=template_directory()
        ) as okos:
            okos.wait_ready()
            screen.event(f"Ready: a server and {WORKERS} workers, with {threads} slots each, in a home of their own.")
            report = Play(okos, write_script(users=users, messages=messages), screen).run()
    return report
