"""Which forms of what is stored a release works with, and what it says of the others."""

import pytest

from okos.mailbox.schema import OLDEST_SCHEMA, SCHEMA, schema_problem


@pytest.mark.parametrize("stored", [b"3", b"4"])
def test_a_release_works_with_every_form_from_its_oldest_to_its_own(stored: bytes) -> None:
    assert schema_problem(stored, "okos", oldest=3, newest=4) == ""


def test_what_bears_no_number_is_of_the_first_form() -> None:
    assert schema_problem(None, "okos", oldest=1, newest=4) == ""
    assert "schema 1" in schema_problem(None, "okos", oldest=2, newest=4)


def test_this_release_works_with_what_it_writes() -> None:
    assert OLDEST_SCHEMA <= SCHEMA
    assert schema_problem(b"%d" % SCHEMA, "okos") == ""


def test_a_later_form_is_left_to_the_release_that_wrote_it() -> None:
    problem = schema_problem(b"5", "okos", oldest=3, newest=4)

    assert "namespace okos is of schema 5, and this release knows none after 4; nothing was touched" in problem
    assert "start the newer release again" in problem


def test_of_an_earlier_form_it_is_said_where_to_read_on() -> None:
    problem = schema_problem(b"2", "okos", oldest=3, newest=4)

    assert "of schema 2, and this release works with none before 3; nothing was touched" in problem
    assert "CHANGELOG.md" in problem


@pytest.mark.parametrize("stored", [b"", b"2b", b"-1", b"\xff"])
def test_what_is_no_number_is_left_alone(stored: bytes) -> None:
    assert "nothing was touched" in schema_problem(stored, "okos")
