"""The timeline of a message goes on until its answer is in the chat."""

from __future__ import annotations

from datacentre import DataCentre  # noqa: TC002 - with_a_centre looks at annotations
from delivering import Turn, answering, fast_settings
from gateway_running import a_gateway, ready, until, with_a_centre

from okos.operate.story import read_story


@with_a_centre
async def test_the_timeline_of_a_message_ends_with_its_answer_in_the_chat(
    dc: DataCentre, url: str, namespace: str
) -> None:
    alice = dc.add_user("Alice")
    asked: list[str] = []

    def answer(turn: Turn) -> list[str]:
        asked.append(turn.envelope.id)
        return ["one", "two"]

    with answering(url, namespace, answer) as broker:

        def told() -> list[str]:
            story = read_story(broker, asked[0]) if asked else None
            return [] if story is None else [step.what for step in story.steps]

        async with a_gateway(fast_settings(dc, url, namespace)) as running:
            await ready(dc, running)
            dc.says(alice, "question 1.")
            await dc.until(lambda: dc.answers(alice) == ["one", "two"])
            await until(lambda: told()[-2:] == ["answer sent", "answer sent"])
