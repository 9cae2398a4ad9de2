"""The model that answers: a server with the OpenAI API, or the offline responder when none is configured.

Both take a `Conversation` and stream an answer; how it is spoken on the wire, and which of its failures are
worth a retry, stays in here. Nothing here knows of envelopes, mailboxes or Dramatiq.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from okos.model.conversation import Conversation, Photo, Said
from okos.model.failure import UNHEARD, ModelBusy, ModelRefused, ModelTold
from okos.model.offline import OfflineResponder

if TYPE_CHECKING:
    from collections.abc import Callable

    from okos.model.chat import ChatModel
    from okos.settings import Model

__all__ = [
    "UNHEARD",
    "Conversation",
    "ModelBusy",
    "ModelRefused",
    "ModelTold",
    "OfflineResponder",
    "Photo",
    "Said",
    "build_model",
]


def build_model(settings: Model, *, on_usage: Callable[[int, int], None] | None = None) -> ChatModel | OfflineResponder:
    """Make the model that the settings ask for: with neither an address nor a key, the offline responder.

    Args:
        settings: Which.
        on_usage: Told the tokens of the prompt and of the answer, when the model's server tells them.
    """
    if not settings.configured:
        return OfflineResponder()
    api_key = "" if settings.api_key is None else settings.api_key.get_secret_value().strip()
    if not api_key.isascii():
        raise ModelRefused("the setting model.api_key holds characters that no key has")
    from okos.model.chat import ChatModel  # noqa: PLC0415 - the SDK takes 0.4 s to import: only for who needs it

    return ChatModel(
        base_url=settings.url,
        api_key=api_key or None,
        name=settings.name,
        stream=settings.stream,
        speech=settings.speech,
        timeout_ms=round(settings.timeout_s * 1000),
        first_piece_timeout_ms=round(settings.first_token_timeout_s * 1000),
        on_usage=on_usage,
    )
