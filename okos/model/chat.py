"""The client of a server with the OpenAI API: `chat.completions`, streaming unless told otherwise.

It never repeats a failed request: the queue retries, in the user's order. Only it and `verdict` know the SDK.
An answer counts only with a finish reason: a stream that just ends is half an answer, and half an answer is a
failure.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import openai

from okos.model.failure import UNHEARD, ModelBusy, ModelTold, TooLong
from okos.model.photo import for_model
from okos.model.verdict import FILTERED, verdict
from okos.model.wire import messages

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionStreamOptionsParam
    from openai.types.chat.chat_completion_chunk import ChoiceDelta

    from okos.model.conversation import Conversation

    # A piece of text, and why the answer ended with it; None while it goes on.
    _Parts = AsyncGenerator[tuple[str, str | None]]

# Servers on one's own machine need no key, but the SDK does.
_NO_KEY = "no-key"
_CUT_OFF = "\n\n[…] (The model stopped here: its limit on the length of an answer.)"
_CONNECT_TIMEOUT_S = 10.0
# What a server answers to sound that it cannot read.
_UNHEARD_STATUSES = frozenset({400, 415, 422})

UNCLEAR = "I could make out no words in this. Please say it again, or write it."

# How long to wait for the end mark once the answer is complete; it only saves the next one a handshake.
_END_MARK_TIMEOUT_S = 1.0


class ChatModel:
    """One model of one server. The connection pool is made on the event loop that asks.

    Args:
        base_url: Address of the API, `/v1` included.
        api_key: None for a server that needs none.
        name: The model to ask for.
        speech: What to ask to write down what is said; None if nobody can.
        stream: Whether to have the answer in pieces; False for servers that cannot.
        timeout_ms: The longest silence within an answer; without streaming, the longest wait for it.
        first_piece_timeout_ms: The longest silence before the first piece of an answer.
        on_usage: Told the tokens of the prompt and of the answer, whenever the server tells them. OpenAI's own is asked
            for them; others may refuse a request with a field that they do not know.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str | None,
        name: str,
        stream: bool,
        speech: str | None = None,
        timeout_ms: int,
        first_piece_timeout_ms: int,
        on_usage: Callable[[int, int], None] | None = None,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key or _NO_KEY
        self._name = name
        self._streams = stream
        self._speech = speech
        self._timeout_s = timeout_ms / 1000
        self._first_piece_timeout_s = first_piece_timeout_ms / 1000
        self._on_usage = on_usage
        is_openai = base_url.startswith("https://api.openai.com/")
        self._usage: ChatCompletionStreamOptionsParam | openai.Omit = (
            {"include_usage": True} if is_openai else openai.omit
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: openai.AsyncOpenAI | None = None
        # One photo at a time: decoding a large one takes hundreds of megabytes.
        self._looking = asyncio.Lock()

    async def stream(self, conversation: Conversation) -> AsyncGenerator[str]:
        """Ask, and give the answer piece by piece; without streaming, in one piece.

        Closing the iterator closes the connection, so that the server stops writing what nobody reads.

        Raises:
            ModelBusy: Asking again later may help.
            ModelRefused: Only the operator can help.
            ModelTold: This message cannot be answered; the user is to be told why.
        """
        self._meet_loop()
        photos = await self._photos(conversation)
        said_anything = False
        while True:
            try:
                async with contextlib.aclosing(self._answer(conversation, photos)) as answer:
                    async for text in answer:
                        said_anything = True
                        yield text
            except TooLong:
                if said_anything or not conversation.earlier:
                    raise
                # A short question must not fail for what was said long ago.
                conversation = conversation.forgetting_half()
            else:
                return

    async def transcribe(self, content: bytes, *, file_name: str) -> str:
        """Write down what is said in a sound file.

        Args:
            content: Its bytes.
            file_name: By whose ending the server knows its format.

        Raises:
            ModelBusy: Asking again later may help.
            ModelRefused: Only the operator can help.
            ModelTold: There is nothing to hear; the user is to be told why.
        """
        if self._speech is None:
            raise ModelTold("no model for speech is configured: model.speech", told=UNHEARD)
        self._meet_loop()
        try:
            async with asyncio.timeout(self._timeout_s):
                heard = await self._connected().audio.transcriptions.create(
                    model=self._speech, file=(file_name, content), response_format="json"
                )
            text = heard.text.strip()
        except openai.APIStatusError as error:
            if error.status_code in _UNHEARD_STATUSES:
                raise ModelTold(f"the sound was refused: {error.status_code}", told=UNCLEAR) from None
            raise verdict(error, with_photo=False, api_key=self._api_key) from None
        except openai.OpenAIError as error:
            raise verdict(error, with_photo=False, api_key=self._api_key) from None
        except TimeoutError as error:
            raise ModelBusy("the model for speech fell silent") from error
        except (ValueError, AttributeError, TypeError) as error:
            raise ModelBusy(f"the model's server sent what is no transcript: {type(error).__name__}") from error
        if not text:
            raise ModelTold("a sound without words", told=UNCLEAR)
        return text

    async def aclose(self) -> None:
        """Close the connections; asking again opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _meet_loop(self) -> None:
        """Forget what a loop that broke has left: its connections are dead, and a lock held there is never free."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._client, self._looking = loop, None, asyncio.Lock()

    async def _photos(self, conversation: Conversation) -> list[tuple[str, bytes]]:
        photos = []
        for photo in conversation.latest.photos:
            async with self._looking:
                photos.append(await asyncio.to_thread(for_model, photo.content))
        return photos

    async def _answer(self, conversation: Conversation, photos: list[tuple[str, bytes]]) -> AsyncGenerator[str]:
        written = messages(conversation, photos)
        finished, said_anything = None, False
        try:
            parts = self._streamed(written) if self._streams else self._whole(written)
            async with contextlib.aclosing(parts):
                async for text, finish in parts:
                    finished = finish or finished
                    if text:
                        said_anything = said_anything or not text.isspace()
                        yield text
        except openai.OpenAIError as error:
            # Without the cause: its text and its request hold the key and what the user wrote, and a traceback is kept.
            raise verdict(error, with_photo=bool(photos), api_key=self._api_key) from None
        except TimeoutError as error:
            raise ModelBusy("the model fell silent") from error
        except (ValueError, AttributeError, TypeError, LookupError) as error:
            # The SDK builds its objects without checking them, so nonsense shows only when it is read.
            raise ModelBusy(f"the model's server sent what is no answer: {type(error).__name__}") from error
        if finished is None:
            raise ModelBusy("the model broke off in the middle of its answer")
        if finished == "content_filter":
            raise ModelTold("stopped by the model's content filter in its answer", told=FILTERED)
        if not said_anything:
            raise ModelBusy("the model finished without a word")
        if finished == "length":
            yield _CUT_OFF

    async def _streamed(self, written: list[ChatCompletionMessageParam]) -> _Parts:
        now_s = asyncio.get_running_loop().time
        deadline_s = now_s() + self._first_piece_timeout_s
        async with asyncio.timeout_at(deadline_s):
            stream = await self._connected().chat.completions.create(
                model=self._name, messages=written, stream=True, stream_options=self._usage
            )
        usage: CompletionUsage | None = None
        try:
            while True:
                async with asyncio.timeout_at(deadline_s):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                deadline_s = now_s() + self._timeout_s
                # some servers tell it with every piece, each time of all so far
                usage = chunk.usage or usage
                for choice in chunk.choices[:1]:
                    # Some servers end with a null delta, whatever its type says.
                    delta: ChoiceDelta | None = choice.delta
                    yield (delta and (delta.content or delta.refusal)) or "", choice.finish_reason
                    if choice.finish_reason:
                        usage = await _read_to_the_end(stream) or usage
                        return
        finally:
            self._count(usage)
            await stream.close()

    async def _whole(self, written: list[ChatCompletionMessageParam]) -> _Parts:
        async with asyncio.timeout(self._timeout_s):
            completion = await self._connected().chat.completions.create(
                model=self._name, messages=written, stream=False
            )
        self._count(completion.usage)
        choice = completion.choices[0]
        yield choice.message.content or choice.message.refusal or "", choice.finish_reason

    def _connected(self) -> openai.AsyncOpenAI:
        if self._client is None:
            self._client = openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key,
                max_retries=0,
                # The silences are measured above: a sign of life is not yet a piece of an answer.
                timeout=openai.Timeout(
                    max(self._timeout_s, self._first_piece_timeout_s) + 1, connect=_CONNECT_TIMEOUT_S
                ),
            )
        return self._client

    def _count(self, usage: CompletionUsage | None) -> None:
        """Tell of the tokens, if they were told and are numbers: no answer fails for them."""
        counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        if self._on_usage is not None and all(isinstance(count, int) for count in counts):
            self._on_usage(*(max(0, count) for count in counts if count is not None))


async def _read_to_the_end(stream: openai.AsyncStream[ChatCompletionChunk]) -> CompletionUsage | None:
    """Read what follows the finish (usage, the end mark), so that the connection can be used again."""
    usage: CompletionUsage | None = None
    with contextlib.suppress(TimeoutError, openai.OpenAIError, ValueError):
        async with asyncio.timeout(_END_MARK_TIMEOUT_S):
            async for chunk in stream:
                usage = chunk.usage or usage
    return usage
