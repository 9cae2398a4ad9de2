import pytest

from okos.mailbox import MailboxSeen, MessageSeen, UserSeen
from okos.web.mailbox import why, why_listed


def a_mailbox(*, state: str = "waiting", due_in_ms: int = 0, error: str = "", place: str = "timed") -> MailboxSeen:
    first = MessageSeen(
        id="m1",
        state=state,
        actor="text",
        attempts=1,
        retries=1,
        stalls=0,
        age_ms=9_000,
        due_in_ms=due_in_ms,
        error=error,
    )
    return MailboxSeen(
        key="local:7",
        place=place,
        due_in_ms=4_000,
        length=2,
        paused=False,
        max_jobs_per_user=1,
        jobs_per_second=0.5,
        burst=1,
        messages=(first,),
    )


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (
            a_mailbox(state="backoff", due_in_ms=4_000, error="ValueError: no"),
            "Its first message failed and runs again",
        ),
        (a_mailbox(state="backoff", due_in_ms=4_000), "Its first message was put off and runs again"),
        (a_mailbox(due_in_ms=4_000), "Its first message is held back and starts in 4.0 s."),
        (a_mailbox(), "Its rate limit lets the next one start in 4.0 s."),
        (a_mailbox(place="ready"), "Waits for a free thread"),
    ],
)
def test_a_mailbox_says_why_it_waits(seen: MailboxSeen, said: str) -> None:
    assert why(seen, all_paused=False).startswith(said)


@pytest.mark.parametrize(
    ("state", "first_due_in_ms", "said"),
    [
        ("backoff", 4_000, "Its first message runs again in 4.0 s."),
        ("waiting", 4_000, "Its first message is held back and starts in 4.0 s."),
        ("waiting", 0, "Its rate limit lets the next one start in 4.0 s."),
    ],
)
def test_in_a_list_a_user_says_which_of_the_reasons_it_is(state: str, first_due_in_ms: int, said: str) -> None:
    user = UserSeen(
        mailbox="local:7",
        length=2,
        place="timed",
        paused=False,
        due_in_ms=4_000,
        age_ms=9_000,
        first_state=state,
        first_due_in_ms=first_due_in_ms,
    )

    assert why_listed(user, all_paused=False) == said


def test_what_may_start_says_that_it_waits_as_everything_is_paused() -> None:
    assert why(a_mailbox(place="ready"), all_paused=True).startswith("Waits, as everything is paused")
    assert why(a_mailbox(), all_paused=True).startswith("Its rate limit")
