"""Voice messages."""

from okos.assistant import Turn, handles


@handles("voice")
async def listen(turn: Turn) -> None:
    """Have the words written down, and answer them as if they had been written."""
    turn.read_as(await turn.transcribe(turn.file))
    await turn.reply(turn.model.stream(turn.conversation))
