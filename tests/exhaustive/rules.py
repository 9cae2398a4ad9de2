"""What the engine promises, one rule a move.

A rule takes the world before a move and the reply that the real transition gave, and returns the world after it. A
reply that no rule allows breaks a promise: I2 (only a live token changes anything), I4 (order), I7 (bounded attempts),
I8 (rate), L1 (what may start is found). What the store holds is compared with the world in `store.py`.
"""

from __future__ import annotations

from dataclasses import replace

from world import (
    BACKOFF_MS,
    ENDED,
    FLAGGED_MS,
    GRACE_MS,
    LEASE_MS,
    NOT_STARTABLE,
    STEP_MS,
    Hand,
    Size,
    World,
    soonest_ms,
    startable,
)


class Broken(AssertionError):
    """The engine did what no rule allows."""


def expect(holds: object, what: str) -> None:
    """Break unless it holds."""
    if not holds:
        raise Broken(what)


def pass_time(world: World, size: Size, ms: int) -> World:
    """Let time go by: a step in which others give signs of life, or more in which nobody does."""
    if ms <= STEP_MS:
        world = look(world)
    messages = {
        name: replace(m, left_ms=max(0, m.left_ms - ms), due_ms=max(0, m.due_ms - ms))
        for name, m in world.messages.items()
    }
    level = {name: max(0.0, round(level - ms * size.rate / 1000, 6)) for name, level in world.level.items()}
    return replace(
        world,
        messages=messages,
        level=level,
        # beyond a third of the lease an outage is an outage, however long
        silence_ms=0 if ms <= STEP_MS else STEP_MS + 1,
        grace_ms=max(0, world.grace_ms - ms),
    )


def look(world: World) -> World:
    """Somebody calls: after an outage no lease expires until all have had the time to come back."""
    grace_ms = GRACE_MS if world.silence_ms > STEP_MS else world.grace_ms
    return replace(world, silence_ms=0, grace_ms=grace_ms)


def publish(world: World, name: str, reply: str) -> World:
    """Accept a message once; a repeat changes nothing, whatever became of it."""
    if world.messages[name].state == "absent":
        expect(reply == "new", f"{name} was not accepted but {reply}")
        return world.with_message(name, state="waiting")
    expect(reply == "seen", f"{name} was published twice, and the second time it was {reply}")
    return world


def claim(world: World, size: Size, claimer: str, queue: str, *, started: list[tuple[str, str]], due_ms: int) -> World:
    """Start one that may start. When there is one it is found; when there is none, the claimer learns when to come."""
    allowed = {name for name in startable(world, size) if size.queue_of(name) == queue}
    if not started:
        expect(not allowed, f"a claim found nothing, though {sorted(allowed)} may start")
        soonest = soonest_ms(world, size, (queue,))
        is_told = soonest == NOT_STARTABLE or "*" in world.paused or 0 <= due_ms <= soonest
        expect(is_told, f"a claim says to come in {due_ms} ms, though something may start in {soonest} ms")
        return world
    expect(len(started) == 1, f"a claim of one started {started}")
    name, token = started[0]
    expect(name in allowed, f"{name} was started; what may start is {sorted(allowed)}")
    if size.rate and not world.messages[name].charged:
        world = replace(world, level={**world.level, name[0]: world.level[name[0]] + 1})
    world = world.with_message(
        name, state="running", owner=claimer, left_ms=LEASE_MS, due_ms=0, charged=bool(size.rate)
    )
    return world.with_hand(claimer, Hand(name, token))


def claim_again(world: World, claimer: str, started: list[tuple[str, str]]) -> World:
    """Hear a claim's lost reply: what it started, as far as that is still the claimer's."""
    hand = world.hands[claimer]
    is_own = is_live(world, claimer)
    expect(started == ([(hand.message, hand.token)] if is_own else []), f"{claimer} asked again and got {started}")
    if not is_own:
        return world.with_hand(claimer, Hand())
    world = world.with_hand(claimer, Hand(hand.message, hand.token))
    return world if world.messages[hand.message].flagged else world.with_message(hand.message, left_ms=LEASE_MS)


def is_live(world: World, claimer: str) -> bool:
    """Say whether what the claimer holds is still its own."""
    hand = world.hands[claimer]
    return bool(hand.message) and world.messages[hand.message].owner == claimer


def settle(world: World, claimer: str, end: str, reply: str) -> World:
    """End an attempt, if it is still the claimer's; what was flagged ends as cancelled whatever it came to."""
    name = world.hands[claimer].message
    message = world.messages[name]
    if not is_live(world, claimer):
        expect(reply == "lost", f"{claimer} settled {name}, which was not its own any longer, and was told {reply}")
        return world.with_hand(claimer, Hand())
    world = world.with_hand(claimer, Hand())
    if message.flagged:
        expect(reply == "cancelled", f"{claimer} settled {name}, which was flagged, and was told {reply}")
        return _ended(world, name, "cancelled")
    expect(reply == "ok", f"{claimer} settled {name}, which was its own, and was told {reply}")
    if end == "ack":
        return _ended(world, name, "done")
    if end == "dead":
        return _ended(world, name, "dead")
    if end == "unstarted":
        return world.with_message(name, state="waiting", owner="", left_ms=0)
    return world.with_message(
        name,
        state="waiting",
        owner="",
        left_ms=0,
        started=True,
        due_ms=0 if end == "release" else BACKOFF_MS,
        retries=message.retries + (end == "retry"),
    )


def renew(world: World, claimer: str, lost: list[str], cancelled: list[str]) -> World:
    """Extend the lease of what is still the claimer's and not flagged; tell it of the rest."""
    name = world.hands[claimer].message
    is_own = is_live(world, claimer)
    is_flagged = is_own and world.messages[name].flagged
    expect(lost == ([] if is_own else [name]), f"{claimer} renewed {name} and was told that {lost} was lost")
    expect(cancelled == ([name] if is_flagged else []), f"{claimer} renewed {name} and heard cancels of {cancelled}")
    return world.with_message(name, left_ms=LEASE_MS) if is_own and not is_flagged else world


def sweep(world: World, size: Size, stalled: list[tuple[str, str]]) -> World:
    """Take from its owner what nobody renewed, unless all of them were cut off a moment ago."""
    found = dict(stalled)
    for name, message in world.messages.items():
        if message.state != "running" or message.left_ms > 0 or world.grace_ms > 0:
            expect(name not in found, f"{name} was taken for stalled though it is {message}, grace {world.grace_ms} ms")
        elif message.flagged:
            verdict = found.get(name)
            expect(verdict == "cancelled", f"{name} was to be cancelled, and sweep says {verdict}")
            world = _ended(world, name, "cancelled")
        else:
            stalls = message.stalls + 1
            is_dead = stalls > (size.own_stalls(name) or size.max_stalls)
            verdict = "dead" if is_dead else "stalled"
            expect(found.get(name) == verdict, f"{name} has stalled {stalls} times, and sweep says {found.get(name)}")
            world = (
                _ended(world, name, "dead")
                if is_dead
                else world.with_message(name, state="waiting", owner="", started=True, stalls=stalls)
            )
    return world


def cancel(world: World, name: str, reply: str) -> World:
    """Remove what waits; flag what runs, and let it run for a moment only."""
    message = world.messages[name]
    if message.state == "waiting":
        expect(reply == "cancelled", f"{name} waited, and its cancel says {reply}")
        return _ended(world, name, "cancelled")
    if message.state == "running":
        expect(reply == "flagged", f"{name} ran, and its cancel says {reply}")
        return world.with_message(name, flagged=True, left_ms=min(message.left_ms, FLAGGED_MS))
    expect(reply == "ended", f"{name} is {message.state}, and its cancel says {reply}")
    return world


def cancel_mailbox(world: World, mailbox: str, reply: list[int]) -> World:
    """Do the same for all that a mailbox holds."""
    held = [name for name, m in world.messages.items() if name[0] == mailbox and m.state in ("waiting", "running")]
    running = [name for name in held if world.messages[name].state == "running"]
    expect(reply == [len(held) - len(running), len(running)], f"{mailbox} held {held}, and its cancel says {reply}")
    for name in held:
        world = cancel(world, name, "flagged" if name in running else "cancelled")
    return world


def pause(world: World, mailbox: str, reply: int) -> World:
    """Start nothing of a mailbox, or ('*') nothing at all."""
    expect(reply == int(mailbox not in world.paused), f"pausing {mailbox} says {reply}")
    return replace(world, paused=world.paused | {mailbox})


def resume(world: World, mailbox: str, reply: int) -> World:
    """Take a pause back."""
    expect(reply == int(mailbox in world.paused), f"resuming {mailbox} says {reply}")
    return replace(world, paused=world.paused - {mailbox})


def _ended(world: World, name: str, state: str) -> World:
    """Let a message end, once and for ever, and forget what no longer matters."""
    expect(world.messages[name].state not in ENDED, f"{name} ended twice")
    fresh = {"owner": "", "left_ms": 0, "flagged": False, "due_ms": 0, "started": False, "charged": False}
    return world.with_message(name, state=state, retries=0, stalls=0, **fresh)
