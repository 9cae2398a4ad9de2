"""Photos, with or without a caption."""

from okos.assistant import Turn, handles


@handles("photo")
async def look(turn: Turn) -> None:
    """Show the photo to the model and pass on what it says; the caption is the question."""
    await turn.reply(turn.model.stream(turn.conversation))
