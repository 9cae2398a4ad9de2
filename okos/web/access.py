"""Who may look and who may act: tokens, signed cookies, CSRF tokens, and how often somebody may guess.

No session is stored: a cookie holds its role and its end, signed with a key that is derived from the tokens. So a
restart logs nobody out, and a new token logs out everybody. Which sessions were logged out before their end the store
knows, and `okos.web.guard` asks it. No I/O here, and the time is given.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A day's work; then one logs in again.
SESSION_MS = 12 * 3_600_000

#: Wrong tokens in a row from one address, and how long it then has to wait. A token has at least 16 characters: this is
#: for the log and the CPU, not what keeps a guesser out.
MOST_WRONG = 5
WAIT_MS = 30_000
#: Addresses remembered; the one seen longest ago is forgotten first.
MOST_ADDRESSES = 1_000
#: Who guesses from a thousand addresses, or for days, is told of this often: a thousand entries are then a week.
TELL_EVERY_MS = 600_000

_SEPARATOR = "."


class Role(IntEnum):
    """What a person may; each may what the one before may."""

    VIEWER = 1
    OPERATOR = 2

    @property
    def title(self) -> str:
        """As it is shown."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who has logged in. `id` tells one login from another, in the audit and for CSRF."""

    id: str
    role: Role
    ends_ms: int

    @property
    def who(self) -> str:
        """Name it, for the audit."""
        return f"{self.role.title}@web/{self.id[:6]}"


class Keyring:
    """The tokens, and what is signed with them.

    Args:
        tokens: Who has this one may what its role may.
    """

    def __init__(self, tokens: Mapping[Role, str]) -> None:
        self._digests = {role: _digest(token) for role, token in tokens.items()}
        material = b"".join(self._digests[role] for role in sorted(self._digests))
        self._key = hmac.digest(material, b"okos web", "sha256")

    def role_of(self, token: str) -> Role | None:
        """Tell whose token this is; None: nobody's. Takes the same time whatever it is."""
        given, found = _digest(token), None
        for role, digest in self._digests.items():
            if hmac.compare_digest(given, digest):
                found = role
        return found

    def begin(self, role: Role, *, now_ms: int) -> Session:
        """Begin a session."""
        return Session(id=secrets.token_hex(8), role=role, ends_ms=now_ms + SESSION_MS)

    def cookie(self, session: Session) -> str:
        """Write a session as a cookie's value."""
        return self.seal("session", f"{session.id}:{session.role.value}:{session.ends_ms}")

    def read_cookie(self, cookie: str, *, now_ms: int) -> Session | None:
        """Read a cookie's value back; None if it is not ours or its time is over."""
        text = self.unseal("session", cookie)
        if text is None:
            return None
        session_id, role, ends_ms = text.split(":")
        session = Session(id=session_id, role=Role(int(role)), ends_ms=int(ends_ms))
        return session if now_ms < session.ends_ms else None

    def csrf(self, session: Session) -> str:
        """Make the token that a form of this session carries."""
        return self._sign("csrf", session.id)

    def is_csrf(self, session: Session, given: str) -> bool:
        """Tell whether a form was made for this session. Takes the same time whatever was given."""
        return hmac.compare_digest(self.csrf(session).encode(), given.encode("utf-8", "replace"))

    def seal(self, purpose: str, text: str) -> str:
        """Sign a text for a cookie: readable, and not to be changed."""
        return _encoded(text) + _SEPARATOR + self._sign(purpose, text)

    def unseal(self, purpose: str, sealed: str) -> str | None:
        """Read a signed text; None if it was not signed here, for this purpose."""
        encoded, _, signature = sealed.partition(_SEPARATOR)
        try:
            text = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except ValueError:
            return None
        good = hmac.compare_digest(self._sign(purpose, text).encode(), signature.encode("utf-8", "replace"))
        # One text has one spelling: base64 would take others for it.
        return text if good and encoded == _encoded(text) else None

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"{purpose}\0{text}".encode(), "sha256").hex()


class Attempts:
    """How often each address has given a wrong token."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._begun = 0
        self._told_ms: int | None = None

    def wait_ms(self, address: str, *, now_ms: int) -> int:
        """Tell how long this address has to wait before it may try again; 0: not at all."""
        wrong, last_ms = self._wrong.get(address, (0, 0))
        return max(0, last_ms + WAIT_MS - now_ms) if wrong >= MOST_WRONG else 0

    def failed(self, address: str, *, now_ms: int) -> int:
        """Count a wrong token.

        Returns how many waits have begun since that was last told, if it began one and it is time to tell; else 0.
        """
        wrong, last_ms = self._wrong.pop(address, (0, 0))
        if now_ms - last_ms >= WAIT_MS:
            wrong = 0
        self._wrong[address] = (wrong + 1, now_ms)
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)
        if wrong + 1 != MOST_WRONG:
            return 0
        self._begun += 1
        if self._told_ms is not None and now_ms - self._told_ms < TELL_EVERY_MS:
            return 0
        begun, self._begun, self._told_ms = self._begun, 0, now_ms
        return begun

    def succeeded(self, address: str) -> None:
        """Forget what this address got wrong."""
        self._wrong.pop(address, None)


def _encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
