"""Which entries the audit gets of what is said on the page Chat."""

from okos.web.chat import MOST_SESSIONS, MOST_SPOKEN, OTHERS, Spoken


def test_a_user_has_one_entry_in_a_session_however_much_is_said() -> None:
    spoken = Spoken()

    entries = [spoken.entry("s1", "ada") for _ in range(3)] + [spoken.entry("s1", "ben"), spoken.entry("s2", "ada")]

    assert entries == ["local:ada", None, None, "local:ben", "local:ada"]


def test_after_so_many_users_all_others_have_one_entry() -> None:
    spoken = Spoken()

    entries = [spoken.entry("s1", f"user-{number}") for number in range(10 * MOST_SPOKEN)]

    assert entries[MOST_SPOKEN - 1 : MOST_SPOKEN + 1] == [f"local:user-{MOST_SPOKEN - 1}", OTHERS]
    assert not any(entries[MOST_SPOKEN + 1 :])


def test_sessions_do_not_fill_the_memory() -> None:
    spoken = Spoken()

    for number in range(3 * MOST_SESSIONS):
        spoken.entry(f"session {number}", "ada")

    assert len(spoken._users) == MOST_SESSIONS
