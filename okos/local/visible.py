"""What of a model's text may reach a terminal."""

import unicodedata


def visible(text: str) -> str:
    """Leave out the control characters, which would steer a terminal; line ends and tabs stay."""
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
