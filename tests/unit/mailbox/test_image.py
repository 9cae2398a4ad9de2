"""What a process knows of its place under Dramatiq's master."""

import json
import os
import subprocess
import sys

from okos.mailbox.image import EX_TEMPFAIL, find_seat, master_pid


def test_a_process_that_is_no_worker_of_the_command_has_no_seat() -> None:
    assert find_seat() is None


def test_the_master_of_a_process_that_was_not_forked_by_one_is_its_parent() -> None:
    assert master_pid() == os.getppid()


def test_a_process_that_cannot_be_replaced_ends_with_a_status_that_is_no_success() -> None:
    program = (
        "import sys; from okos.mailbox.image import Seat; sys.executable = '/nowhere/python'; "
        "Seat(args={}, worker_id=0, log_fd=1, kept_fds=(), master_pid=1, path=()).replace()"
    )

    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)

    assert done.returncode == EX_TEMPFAIL
    assert "this process cannot be replaced; it ends" in done.stderr


def test_a_successor_is_told_all_in_one_argument() -> None:
    program = (
        "import json, os, sys; from okos.mailbox.image import Seat; "
        "os.execv = lambda path, command: print(json.dumps(command[3:])); sys.argv = ['dramatiq', 'app']; "
        "Seat(args={'threads': 4}, worker_id=2, log_fd=1, kept_fds=(2,), master_pid=7, path=('/a',)).replace()"
    )

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    seat, *words = json.loads(done.stdout)
    assert json.loads(seat) == {
        "args": {"threads": 4},
        "worker_id": 2,
        "log_fd": 1,
        "kept_fds": [2],
        "master_pid": 7,
        "path": ["/a"],
    }
    assert words == ["dramatiq", "app"]
