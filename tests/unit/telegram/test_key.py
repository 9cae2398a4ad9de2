from __future__ import annotations

import re
from pathlib import Path

import pytest

from okos.telegram.key import BadKey, read_key

KEY = Path(__file__).parents[2] / "datacentre" / "public_key.pem"


def test_a_key_is_known_by_its_fingerprint() -> None:
    key = read_key(KEY)

    assert key.e == 65_537
    assert key.n.bit_length() == 2_048
    assert -(2**63) <= key.fingerprint < 2**63


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is no PEM of an RSA PUBLIC KEY"),
        ("-----BEGIN RSA PUBLIC KEY-----\n!!!\n-----END RSA PUBLIC KEY-----", "cannot be used"),
        ("-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "it is no RSA key"),
        ("-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKC\n-----END RSA PUBLIC KEY-----", "it is cut off"),
    ],
)
def test_what_is_no_key_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "key.pem"
    path.write_text(content)

    with pytest.raises(BadKey, match=re.escape(reason)) as raised:
        read_key(path)

    assert str(path) in str(raised.value)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="cannot be read"):
        read_key(tmp_path / "none.pem")
