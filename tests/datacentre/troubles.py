"""What goes wrong, by a test's order. Callable from any thread. Every order takes effect with the next call."""

from collections.abc import Callable
from typing import Any

from .core import Core, on_loop
from .faults import Fault
from .world import Chat, User

Fits = Callable[[Any], bool]


def _any(_: Any) -> bool:
    return True


class Troubles(Core):
    """Orders of trouble. `rpc` is a name as pyrogram.raw has it ("messages.SendMessage"), or "*" for every RPC."""

    @on_loop
    def fail(self, rpc: str, code: int, name: str, *, times: int | None = 1, fits: Fits = _any) -> Fault:
        """Answer with an error: `fail("messages.SendMessage", 420, "FLOOD_WAIT_3")`. `times=None`: until lifted."""
        return self.faults.order(Fault(rpc=rpc, kind="error", code=code, name=name, left=times, fits=fits))

    @on_loop
    def drop(self, rpc: str, *, times: int | None = 1, fits: Fits = _any) -> Fault:
        """Cut the connection instead of doing it."""
        return self.faults.order(Fault(rpc=rpc, kind="drop", left=times, fits=fits))

    @on_loop
    def ignore(self, rpc: str, *, times: int | None = 1, fits: Fits = _any) -> Fault:
        """Neither do it nor answer."""
        return self.faults.order(Fault(rpc=rpc, kind="ignore", left=times, fits=fits))

    @on_loop
    def lose_answer(self, rpc: str, *, times: int | None = 1, cut: bool = True, fits: Fits = _any) -> Fault:
        """Do it, and cut the connection in place of the answer; `cut=False`: just never answer."""
        return self.faults.order(Fault(rpc=rpc, kind="lose", left=times, cut=cut, fits=fits))

    @on_loop
    def delay(self, rpc: str, delay_ms: int, *, times: int | None = 1, done: bool = False, fits: Fits = _any) -> Fault:
        """Take that long to do it; `done`: do it at once and take that long to answer."""
        kind: Any = "delay_answer" if done else "delay"
        return self.faults.order(Fault(rpc=rpc, kind=kind, delay_ms=delay_ms, left=times, fits=fits))

    @on_loop
    def hold(self, rpc: str, *, times: int | None = 1, done: bool = False, fits: Fits = _any) -> Fault:
        """Do it only when it is let go, whatever else was called meanwhile; `done`: do it at once and answer then."""
        return self.faults.order(Fault(rpc=rpc, kind="hold_answer" if done else "hold", left=times, fits=fits))

    @on_loop
    def let_go(self, held: Fault) -> None:
        """Do or answer what `hold` has kept, now; its `answered` counts it then."""
        held.let_go.set()

    @on_loop
    def refuse_message(self, rpc: str, *, code: int = 16, times: int | None = 1, fits: Fits = _any) -> Fault:
        """Answer with a bad_msg_notification, which libraries hand out as if it were the result."""
        return self.faults.order(Fault(rpc=rpc, kind="bad_message", code=code, left=times, fits=fits))

    @on_loop
    def lift_faults(self) -> None:
        """Let every later call through."""
        self.faults.lift_all()

    @on_loop
    def refuse(self, where: User | Chat, code: int, name: str) -> None:
        """Answer everything that the bot does in a chat with an error: `refuse(group, 403, "CHAT_WRITE_FORBIDDEN")`."""
        self.world.refusals[where.peer] = (code, name)

    @on_loop
    def accept(self, where: User | Chat) -> None:
        """Let the bot speak there again."""
        self.world.refusals.pop(where.peer, None)

    @on_loop
    def cut_connections(self, *, main_only: bool = False) -> int:
        """Cut every connection that stands, or those of sessions that receive updates. Returns how many."""
        cut = [c for c in self.connections if not main_only or (c.session is not None and c.session.main)]
        for connection in cut:
            connection.close()
        return len(cut)

    @on_loop
    def pause(self) -> None:
        """Accept and read on, but answer and send nothing, like a network that lost its way back."""
        self.going_on.clear()

    @on_loop
    def go_on(self) -> None:
        """Do what was held back since `pause()`, then go on as before."""
        self.going_on.set()
        for connection in list(self.connections):
            connection.flush()

    @on_loop
    def revoke(self, name: str = "SESSION_REVOKED") -> None:
        """End every sign-in: calls are answered with 401 and that name until the bot signs in again."""
        self.unauthorized = name
        self.world.logins.clear()

    @on_loop
    def forget_keys(self) -> None:
        """Know no authorization key any more: each packet is answered with -404 and the connection cut."""
        self.world.keys.clear()
        self.world.logins.clear()
        for session in list(self.sessions.values()):
            self.forget(session)

    @on_loop
    def revoke_token(self) -> None:
        """Take the bot's token back: sign-ins with it are refused. Who is signed in stays so."""
        self.world.tokens.clear()

    @on_loop
    def forget_changes(self, where: User | Chat) -> None:
        """Have no difference up to now: whoever asks for one from before is told that it is too long."""
        box = self.world.box_of(where.peer)
        box.forgotten_pts = box.pts

    @on_loop
    def expire_files(self) -> None:
        """Let every file reference that was given out expire."""
        self.world.file_reference += b"+"

    @on_loop
    def forget_sessions(self) -> None:
        """Drop what sessions have not acknowledged, and which of them receive updates."""
        for session in list(self.sessions.values()):
            self.forget(session)
