"""What is published, and what its handlers do. It travels to publishers in other OS processes as JSON."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """So many users, so many messages each; published in turn: the first of everyone, then the second.

    Attributes:
        sleep_ms: How long a handler sleeps.
        tokens: How many tokens a handler tells, one every `token_ms`; such handlers are coroutines.
        rate_per_s: Published at this pace; 0: as fast as it goes.
    """

    users: int
    messages_per_user: int
    sleep_ms: int = 0
    tokens: int = 0
    token_ms: int = 0
    rate_per_s: int = 0

    @property
    def messages(self) -> int:
        """How many there are in all."""
        return self.users * self.messages_per_user

    def encode(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, encoded: str) -> "Workload":
        """Read what `encode` wrote."""
        return cls(**json.loads(encoded))
