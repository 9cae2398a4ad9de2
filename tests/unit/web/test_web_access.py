from hypothesis import given
from hypothesis import strategies as st

from okos.web.access import (
    MOST_ADDRESSES,
    MOST_WRONG,
    SESSION_MS,
    TELL_EVERY_MS,
    WAIT_MS,
    Attempts,
    Keyring,
    Role,
)

TOKENS = {Role.OPERATOR: "operator-token-1", Role.VIEWER: "viewer-token-12"}
NOW_MS = 1_700_000_000_000


def test_a_token_gives_its_role_and_another_none() -> None:
    keyring = Keyring(TOKENS)

    assert keyring.role_of("operator-token-1") is Role.OPERATOR
    assert keyring.role_of("viewer-token-12") is Role.VIEWER
    assert keyring.role_of("") is None
    assert keyring.role_of("operator-token-1 ") is None


def test_a_cookie_holds_until_its_session_ends() -> None:
    keyring = Keyring(TOKENS)
    session = keyring.begin(Role.VIEWER, now_ms=NOW_MS)

    cookie = keyring.cookie(session)

    assert keyring.read_cookie(cookie, now_ms=NOW_MS + SESSION_MS - 1) == session
    assert keyring.read_cookie(cookie, now_ms=NOW_MS + SESSION_MS) is None


def test_a_cookie_outlives_a_restart_and_not_a_new_token() -> None:
    cookie = Keyring(TOKENS).cookie(Keyring(TOKENS).begin(Role.OPERATOR, now_ms=NOW_MS))

    assert Keyring(TOKENS).read_cookie(cookie, now_ms=NOW_MS) is not None
    assert Keyring(TOKENS | {Role.VIEWER: "another-viewer-1"}).read_cookie(cookie, now_ms=NOW_MS) is None


@given(st.text())
def test_what_was_not_signed_here_is_nobody_s(cookie: str) -> None:
    assert Keyring(TOKENS).read_cookie(cookie, now_ms=NOW_MS) is None


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_cookie_that_was_changed_is_nobody_s(place: int, char: str) -> None:
    keyring = Keyring(TOKENS)
    cookie = keyring.cookie(keyring.begin(Role.VIEWER, now_ms=NOW_MS))
    place %= len(cookie)

    changed = cookie[:place] + char + cookie[place + 1 :]

    assert changed == cookie or keyring.read_cookie(changed, now_ms=NOW_MS) is None


def test_what_is_signed_for_one_purpose_is_no_session() -> None:
    keyring = Keyring(TOKENS)
    session = keyring.begin(Role.OPERATOR, now_ms=NOW_MS)

    flash = keyring.seal("flash", f"{session.id}:2:{session.ends_ms}")

    assert keyring.unseal("flash", flash) is not None
    assert keyring.read_cookie(flash, now_ms=NOW_MS) is None


def test_a_form_s_token_is_of_one_session_alone() -> None:
    keyring = Keyring(TOKENS)
    mine, theirs = (keyring.begin(Role.OPERATOR, now_ms=NOW_MS) for _ in range(2))

    assert keyring.is_csrf(mine, keyring.csrf(mine))
    assert not keyring.is_csrf(mine, keyring.csrf(theirs))
    assert not keyring.is_csrf(mine, "")
    assert not keyring.is_csrf(mine, "\ud800é")


def test_after_some_wrong_tokens_an_address_waits() -> None:
    attempts = Attempts()
    for _ in range(MOST_WRONG - 1):
        attempts.failed("a", now_ms=NOW_MS)
    assert attempts.wait_ms("a", now_ms=NOW_MS) == 0

    attempts.failed("a", now_ms=NOW_MS)

    assert attempts.wait_ms("a", now_ms=NOW_MS) == WAIT_MS
    assert attempts.wait_ms("a", now_ms=NOW_MS + WAIT_MS - 1) == 1
    assert attempts.wait_ms("a", now_ms=NOW_MS + WAIT_MS) == 0
    assert attempts.wait_ms("b", now_ms=NOW_MS) == 0


def test_a_right_token_is_forgiving() -> None:
    attempts = Attempts()
    for _ in range(MOST_WRONG - 1):
        attempts.failed("a", now_ms=NOW_MS)

    attempts.succeeded("a")
    attempts.failed("a", now_ms=NOW_MS)

    assert attempts.wait_ms("a", now_ms=NOW_MS) == 0


def test_guessers_from_everywhere_do_not_fill_the_memory() -> None:
    attempts = Attempts()

    for number in range(3 * MOST_ADDRESSES):
        attempts.failed(f"address {number}", now_ms=NOW_MS)

    assert len(attempts._wrong) == MOST_ADDRESSES


def guess(attempts: Attempts, address: str, *, now_ms: int) -> list[int]:
    return [attempts.failed(address, now_ms=now_ms) for _ in range(MOST_WRONG)]


def test_a_wait_is_told_when_it_begins_and_not_with_each_guess() -> None:
    attempts = Attempts()

    first, second = guess(attempts, "a", now_ms=NOW_MS), guess(attempts, "a", now_ms=NOW_MS + 1)

    assert first == [0] * (MOST_WRONG - 1) + [1]
    assert second == [0] * MOST_WRONG


def test_waits_from_everywhere_are_told_seldom_and_counted() -> None:
    attempts = Attempts()
    told = [sum(guess(attempts, f"address {number}", now_ms=NOW_MS)) for number in range(100)]

    just_before = sum(guess(attempts, "b", now_ms=NOW_MS + TELL_EVERY_MS - 1))
    then = sum(guess(attempts, "c", now_ms=NOW_MS + TELL_EVERY_MS))

    assert told == [1] + [0] * 99
    assert (just_before, then) == (0, 99 + 1 + 1)
