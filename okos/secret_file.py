"""Variables whose value is in a file: `OKOS_REDIS_URL_FILE=/run/secrets/redis_url`.

Containers and service managers hand out so what must not be in an environment, which every child inherits. No
setting's own name ends in `_FILE`. Importing this reads nothing; `okos.settings` says when.
"""

from collections.abc import Mapping
from pathlib import Path

from okos.errors import OkosError

ENDING = "_FILE"
MOST_BYTES = 65_536


class SecretUnreadable(OkosError):
    """The file that a variable names cannot be read, or a value is given twice."""


def with_secret_files(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Put the content of a file in the place of each variable that names one, without the line's end.

    Args:
        environment: Names and values, as a process has them.
        prefix: What our variables begin with; the others are left as they are.

    Raises:
        SecretUnreadable: A file cannot be read, is too large, or there is a variable for the same value beside it.
    """
    values = {}
    for name, value in environment.items():
        if not (name.upper().startswith(prefix) and name.upper().endswith(ENDING)):
            values[name] = value
        elif value:
            setting = name[: -len(ENDING)]
            if environment.get(setting):
                raise SecretUnreadable(f"both {setting} and {name} are set: unset one of them")
            values[setting] = _read(name, Path(value))
    return values


def _read(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SecretUnreadable(f"cannot read {path}, which {name} names: {reason}") from error
    if len(content) > MOST_BYTES:
        raise SecretUnreadable(f"{path}, which {name} names, is too long for a setting")
    return content.rstrip("\r\n")
