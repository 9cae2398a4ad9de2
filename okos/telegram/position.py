"""How far we are in a box: Telegram counts every change of it, and says with each how far it leads.

    what comes                         then it is
    leads to where we are or before    seen      known already, from a push, a difference or an answer
    leads one step on                  next      to be applied
    leads further                      a gap     something before it is missing: it may come any moment, else the
                                                 difference has it

Pure: nothing here waits or asks.
"""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """What an update is to a box."""

    SEEN = "seen"
    NEXT = "next"
    GAP = "gap"


def step(known: int, pts: int, count: int) -> Step:
    """Tell what an update that leads to `pts` by `count` changes is to a box that is known up to `known`."""
    if pts <= known or (count and known + count > pts):
        return Step.SEEN
    return Step.NEXT if known + count == pts else Step.GAP
