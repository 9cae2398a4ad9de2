"""The root of every error that Okos raises itself.

An error is named for the condition and lives beside the code that raises it; its message is one line that
says what happened, to what, and what to do. Whoever stands at a process's top catches `OkosError` and prints
that line.
"""


class OkosError(Exception):
    """Something that Okos can name and a person can act on."""
