"""How often the messages of one mailbox may start."""

from __future__ import annotations

from dramatiq.middleware import Middleware

from okos.mailbox.policy import RatePolicy, wrong_limit


class RateLimit(Middleware):
    """A bucket per mailbox that leaks: GCRA, in cost units, kept by the server and looked at inside the claim.

    A message starts when the bucket's level plus min(its cost, burst) fits into `burst`; its cost is charged once,
    whatever becomes of it. Starts in any time t are at most burst + jobs_per_second * t + max(0, largest cost - burst).
    What must wait holds no thread.

    Args:
        jobs_per_second: Cost units that leak per second, from 0.000001 to a million; None for no limit.
        burst: What the bucket holds, from 1 to a million; None for one second's worth, at least 1.
        all_per_second: The same for all mailboxes together; None for no limit.
        all_burst: Likewise.

    Raises:
        ValueError: One of them is out of these bounds, which are those of the settings (`okos.mailbox.policy.LIMITS`).
    """

    def __init__(
        self,
        *,
        jobs_per_second: float | None = None,
        burst: int | None = None,
        all_per_second: float | None = None,
        all_burst: int | None = None,
    ) -> None:
        for name, rate in (("jobs_per_second", jobs_per_second), ("all_per_second", all_per_second)):
            if rate is not None and (rate == 0 or wrong_limit("jobs_per_second", rate)):
                raise ValueError(f"{name} must be from 1e-06 to 1,000,000, or None for no limit, not {rate!r}")
        for name, size in (("burst", burst), ("all_burst", all_burst)):
            if size is not None and wrong_limit("burst", size):
                raise ValueError(
                    f"{name} must be a whole number from 1 to 1,000,000, or None for one second's worth, not {size!r}"
                )
        self.policy = RatePolicy(
            jobs_per_second=jobs_per_second,
            burst=burst or max(1, int(jobs_per_second or 1)),
            all_per_second=all_per_second,
            all_burst=all_burst or max(1, int(all_per_second or 1)),
        )

    @property
    def actor_options(self) -> set[str]:
        """`cost`: what one start takes from the bucket, default 1."""
        return {"cost"}
