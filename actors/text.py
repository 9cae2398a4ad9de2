"""Text messages."""

from okos.assistant import Turn, handles


@handles("text")
async def answer(turn: Turn) -> None:
    """Answer with the chat model, streaming a preview."""
    await turn.reply(turn.model.stream(turn.conversation))
