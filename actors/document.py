"""Documents: texts of every kind, PDF, Word; and pictures that were sent as files."""

from okos.assistant import Turn, handles, text_of


@handles("document")
async def read(turn: Turn) -> None:
    """Give the model what the file says; the caption is the question."""
    if not turn.conversation.latest.photos:
        question = turn.text or "What does this file say?"
        turn.read_as(f"{question}\n\n[{turn.file.name}]\n{await text_of(turn.file)}")
    await turn.reply(turn.model.stream(turn.conversation))
