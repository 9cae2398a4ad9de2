"""Stickers."""

from okos.assistant import Turn, handles


@handles("sticker")
async def react(turn: Turn) -> None:
    """Let the model react to the sticker's emoji."""
    await turn.reply(turn.model.stream(turn.conversation))
