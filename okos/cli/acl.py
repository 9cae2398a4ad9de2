"""`okos acl`."""

from pathlib import Path
from typing import Annotated

import typer


def acl(
    *,
    file: Annotated[Path | None, typer.Option(help="Write it there, and print nothing.")] = None,
    watcher: Annotated[
        Path | None, typer.Option(help="Add a user `watcher`, who sees figures only; his password is in this file.")
    ] = None,
) -> None:
    """Print an ACL file for a server: Okos with the least rights, and nobody else.

    User and password are those of OKOS_REDIS_URL, the keys those of the namespace. The password is told as its hash.
    docs/server.md says how a server is given the file.
    """
    from okos.errors import OkosError  # noqa: PLC0415 - see okos.cli
    from okos.server.acl import users_file  # noqa: PLC0415
    from okos.settings import load_settings  # noqa: PLC0415

    settings = load_settings()
    try:
        password = None if watcher is None else watcher.read_text(encoding="utf-8").strip()
        text = users_file(settings.redis_url, namespace=settings.namespace, watcher=password)
        if file is None:
            typer.echo(text, nl=False)
        else:
            file.write_text(text, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OkosError(f"the users are not written: {error}") from error
