import pytest
from hypothesis import given
from hypothesis import strategies as st

from okos.web.host import may_be_named

LISTED = ("Okos.Example.org",)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:8080",
        "LOCALHOST.",
        "okos.localhost",
        "127.0.0.1:8080",
        "192.0.2.7",
        "[::1]:8080",
        "[2001:db8::7]",
        "okos.example.org",
        "OKOS.EXAMPLE.ORG.:443",
    ],
)
def test_an_address_this_machine_and_a_listed_name_are_ours(host: str) -> None:
    assert may_be_named(host, LISTED)


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "127.0.0.1.evil.test",
        "okos.example.org.evil.test",
        "notokos.example.org",
        "localhost.evil.test",
        "evillocalhost",
        # what some resolvers take for an address, and others look up as a name
        "2130706433",
        "0x7f.0.0.1",
        "127.1",
        "",
        ":8080",
        "localhost:",
        "localhost:http",
        "localhost, evil.test",
        "evil.test@localhost",
        "[::1",
        "[::1]evil.test",
    ],
)
def test_a_name_that_another_site_could_have_is_not(host: str) -> None:
    assert not may_be_named(host, LISTED)


@given(st.text(max_size=80))
def test_whatever_is_sent_as_a_name_is_judged(host: str) -> None:
    assert may_be_named(host, LISTED) in {True, False}
