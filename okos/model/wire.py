"""A conversation as the OpenAI API writes it. Pure: what is sent can be read off a test."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openai.types.chat import ChatCompletionContentPartParam, ChatCompletionMessageParam

    from okos.model.conversation import Conversation, Said


def messages(conversation: Conversation, photos: Sequence[tuple[str, bytes]]) -> list[ChatCompletionMessageParam]:
    """Write a conversation as `messages`.

    Args:
        conversation: What to write; of its photos only those of the latest message are sent.
        photos: The MIME type and the bytes of each of these as a model takes them.
    """
    written: list[ChatCompletionMessageParam] = []
    if conversation.system:
        written.append({"role": "system", "content": conversation.system})
    written += [_said(said) for said in conversation.earlier]
    if not photos:
        return [*written, _said(conversation.latest)]
    parts: list[ChatCompletionContentPartParam] = [
        {"type": "text", "text": _words(conversation.latest, or_else="(a photo without a caption)")}
    ]
    for mime, content in photos:
        url = f"data:{mime};base64,{base64.b64encode(content).decode()}"
        parts.append({"type": "image_url", "image_url": {"url": url}})
    return [*written, {"role": "user", "content": parts}]


def sendable(text: str) -> str:
    """Mend what UTF-8 cannot hold: halves of a character that meet are joined, lone ones replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _said(said: Said) -> ChatCompletionMessageParam:
    # Servers refuse a message without content.
    text = _words(said, or_else="(an empty message)")
    if said.role == "assistant":
        return {"role": "assistant", "content": text}
    return {"role": "user", "content": text}


def _words(said: Said, *, or_else: str) -> str:
    return sendable(said.text) if said.text.strip() else or_else
