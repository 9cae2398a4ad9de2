"""What a failure of the SDK means for the message at hand: ask again, give up, or tell the user.

The order of the rules matters: what is known of this message (too long, filtered, a photo that the model
cannot take) goes before what the status says, for servers say these with 400, 404, 413, 422 and 500. Words
are looked for because only OpenAI's own server has codes for them: local ones answer in prose.
"""

from __future__ import annotations

import math
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import openai

from okos.model.failure import ModelBusy, ModelRefused, ModelTold, TooLong

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_LONG = "This is more than the model I ask can read at once. Please send it in shorter parts."
FILTERED = "The model I ask declines to answer this: its content filter stopped it. Please ask in another way."
UNSEEN = "The model I ask cannot see this photo. Please describe it in words, or send it as a JPEG or PNG."

_UNREACHABLE = "the model's server cannot be reached: is model.base_url right, and does it run?"
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG_WORDS = re.compile(
    r"(context|sequence) (length|window|size)|prompt is too long|too many (input )?tokens|reduce the length",
    re.IGNORECASE,
)
_FILTERED_CODES = frozenset({"content_filter", "content_policy_violation", "responsible_ai_policy_violation"})
_FILTERED_WORDS = re.compile(r"content (management|filter|policy)|flagged as|moderation", re.IGNORECASE)
_UNSEEN_WORDS = re.compile(r"image|vision|multi-?modal|mmproj", re.IGNORECASE)
_QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})

# Statuses that are about the moment, not about the request.
_MOMENTARY = frozenset({408, 409, 425, 429})
_PHOTO_STATUSES = frozenset({400, 404, 413, 415, 422, 500, 501})
_REASON_CHARS = 200
# Servers repeat a wrong key in their refusal; OpenAI stars out half of it.
_SECRET = re.compile(r"\bsk-\S+|\bBearer \S+", re.IGNORECASE)
_HINTS = {401: "is model.api_key right?", 403: "is model.api_key right?", 404: "are model.base_url and name right?"}


def verdict(error: openai.OpenAIError, *, with_photo: bool, api_key: str) -> ModelBusy | ModelRefused | ModelTold:
    """Sort an error of the SDK.

    Args:
        error: As the SDK raised it.
        with_photo: Whether the request held one, so that the server's words about images are about it.
        api_key: What must not be in what is returned, whatever the server says.
    """
    if isinstance(error, openai.APIConnectionError):
        slow = isinstance(error, openai.APITimeoutError)
        return ModelBusy("the model did not answer in time" if slow else _UNREACHABLE)
    if not isinstance(error, openai.APIError):
        return ModelRefused(f"the model's client failed: {type(error).__name__}")
    status = error.status_code if isinstance(error, openai.APIStatusError) else _status_in(error)
    reason = _reason(error, status, api_key)
    if told := _told(error, status, reason, with_photo=with_photo):
        return told
    if error.code in _QUOTA_CODES:
        return ModelRefused(f"the model's account has no quota left: {reason}")
    if status is None or status in _MOMENTARY or status >= 500:  # noqa: PLR2004 - the server's own faults
        headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
        return ModelBusy(f"the model is busy: {reason}", retry_after_ms=retry_after_ms(headers))
    hint = f" ({_HINTS[status]})" if status in _HINTS else ""
    return ModelRefused(f"the model refused the request: {reason}{hint}")


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Read how long a server asks to be left alone: in RFC 9110's two forms (§10.2.3) or in OpenAI's own.

    A date is taken against the server's own clock: without its `Date` header it says nothing.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0, round(milliseconds))
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return max(0, round(seconds * 1000))
    try:
        then = parsedate_to_datetime(value or "")
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0, round((then - now).total_seconds() * 1000))
    except (ValueError, TypeError):
        return None


def _told(error: openai.APIError, status: int | None, reason: str, *, with_photo: bool) -> ModelTold | None:
    # A limit on tokens per minute speaks of tokens too, and is no property of this message.
    if status == 429:  # noqa: PLR2004 - too many requests
        return None
    names = {error.code, error.type}
    if names & _TOO_LONG_CODES or status == 413 or _TOO_LONG_WORDS.search(error.message):  # noqa: PLR2004
        return TooLong(f"too long for the model: {reason}", told=TOO_LONG)
    if names & _FILTERED_CODES or (status in {400, 403} and _FILTERED_WORDS.search(error.message)):
        return ModelTold(f"stopped by the model's content filter: {reason}", told=FILTERED)
    if with_photo and status in _PHOTO_STATUSES and _UNSEEN_WORDS.search(error.message):
        return ModelTold(f"the model cannot take the photo: {reason}", told=UNSEEN)
    return None


def _status_in(error: openai.APIError) -> int | None:
    """Find the status that an error in the middle of a stream carries as its code, as routers do."""
    return int(error.code) if error.code is not None and re.fullmatch(r"[45]\d\d", error.code) else None


def _reason(error: openai.APIError, status: int | None, api_key: str) -> str:
    """Give the server's words for the log, shortened and without the key or what looks like one."""
    words = " ".join(error.message.split()).replace(api_key, "***").removeprefix(f"Error code: {status} - ")
    return f"{status or 'in the stream'}, {_SECRET.sub('***', words)[:_REASON_CHARS]}"


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
