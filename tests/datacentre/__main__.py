"""Running a data centre as a process of its own, with a text client: `PYTHONPATH=tests python -m datacentre --help`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from .console import Console
from .core import BOT_TOKEN
from .server import DataCentre
from .storage import UnreadableState


def main() -> int:
    """Serve until SIGTERM, SIGINT or /quit."""
    parser = argparse.ArgumentParser(prog="python -m datacentre", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; 0: a free one")
    parser.add_argument("--state", type=Path, help="a file to keep users, chats and messages in")
    parser.add_argument("--token", default=BOT_TOKEN, help="the token that the bot signs in with")
    chosen = parser.parse_args()
    if chosen.state is not None:
        chosen.state.parent.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(_serve(chosen))
    except OSError as error:
        _complain(f"Cannot listen on 127.0.0.1:{chosen.port}: {error.strerror}. Say --port.")
        return 1
    except UnreadableState:
        _complain(f"{chosen.state} holds no state that this version reads. Remove it to begin anew.")
        return 1
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(text + "\n")


async def _serve(chosen: argparse.Namespace) -> None:
    dc = DataCentre(state_path=chosen.state, bot_token=chosen.token)
    await dc.start(chosen.port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    console = Console(dc, stop=stopped.set)
    console.start()
    await stopped.wait()
    console.end()
    await dc.stop()


if __name__ == "__main__":
    sys.exit(main())
