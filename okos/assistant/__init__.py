"""The assistant: what a turn is, how handlers are found and run, what is remembered, how a prompt is made.

A handler imports its names from here:

    from okos.assistant import Turn, handles, maintains, text_of
"""

from okos.assistant.document import text_of
from okos.assistant.mark import handles, maintains
from okos.assistant.turn import Turn

__all__ = ["Turn", "handles", "maintains", "text_of"]
