"""How asking a model can fail, sorted by what to do next: ask again, give up, or tell the user.

A message of these errors goes to the log and to the dead letter, never to the user: it says what the operator
needs. What the user reads is `ModelTold.told`, or the apology for a message that was given up on.
"""

from __future__ import annotations

from okos.errors import OkosError

UNHEARD = (
    "I cannot listen to voice messages here: no model for speech is set. Please write instead."
    " (For the operator: OKOS_MODEL__SPEECH names it, for example whisper-1.)"
)


class ModelBusy(OkosError):
    """The model is overloaded, out of reach, or broke off: asking again later may help.

    `retry_after_ms` is how long the server asked to be left alone; None when it did not say.
    """

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ModelRefused(OkosError):
    """The model takes no request as ours are (key, name, quota, form): only the operator can help."""


class ModelTold(OkosError):
    """This one message cannot be answered and never will; `told` is the sentence that tells its user so."""

    def __init__(self, message: str, *, told: str) -> None:
        super().__init__(message)
        self.told = told


class TooLong(ModelTold):
    """What was said is more than the model can read at once; with less of what was said before it may fit."""
