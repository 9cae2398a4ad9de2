"""Start an OS process that ends when we do.

The child leads a session of its own, so that a Ctrl-C on the terminal, or a signal to our process group, does
not reach it: whoever started it stops it, in order. On Linux the kernel also signals it when the thread that
started it ends (PR_SET_PDEATHSIG), even by kill -9: start it from a thread that lives as long as the child
should. Elsewhere a Python child must watch its parent itself, and a server that was left behind is stopped by
the next start (`okos.server`).
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1


def spawn(
    command: Sequence[str],
    *,
    output: IO[bytes] | None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    umask: int = -1,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own.

    Args:
        command: The program and its arguments.
        output: Where its stdout and stderr go; None: where ours go.
        environment: Its environment; None: ours.
        directory: Its working directory; None: ours.
        death_signal: What the kernel sends it when the calling thread ends, where the kernel can.
        umask: Its umask; -1: ours.

    Raises:
        OSError: The program cannot be started.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=environment,
        cwd=directory,
        start_new_session=True,
        umask=umask,
        preexec_fn=_dying_with_parent(death_signal),  # noqa: PLW1509 - it calls the kernel and nothing else
    )


def has_exited(child: subprocess.Popen[bytes]) -> bool:
    """Whether the child is over, without reaping it: until it is reaped its number cannot be another's."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and all that it started, unless it has been reaped already."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def reap(child: subprocess.Popen[bytes]) -> int:
    """Take the exit status of a child that is over, after killing what it may have left behind.

    Returns:
        The status; negative for the number of the signal that ended it.
    """
    kill_session(child)
    return child.wait()


def _dying_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: after the fork there is little one may do
    parent = os.getpid()

    def ask_for_the_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return ask_for_the_signal
