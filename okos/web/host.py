"""By which names the web answers.

A page of another site can have its own name lead to an address of ours (DNS rebinding), and a browser then takes our
answers for that site's: it would send our forms, and read our pages. So a request has to name an address, which no
other site can have, this machine as `localhost`, or a name that the operator has listed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9._-]{1,253}?)\.?)(?::[0-9]{1,5})?")
_MISDIRECTED = 421


def may_be_named(host: str, hosts: Collection[str]) -> bool:
    """Tell whether a request may name us like this.

    Args:
        host: As the header has it: with a port, or without.
        hosts: The names that the operator has listed, in any case.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    name = found["name"]
    return (
        name is None
        or name == "localhost"
        or name.endswith(".localhost")
        or is_address(name)
        or name in {one.lower().rstrip(".") for one in hosts}
    )


def is_address(name: str) -> bool:
    """Tell whether this is an address, and no name that somebody could have registered."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class NamedHosts:
    """Refuses what is addressed to a name that is not ours.

    Attributes:
        app: What answers the rest.
        hosts: The names that the operator has listed.
        open_to_all: Paths that answer by any name: what programs ask, by whatever a network calls us.
    """

    app: ASGIApp
    hosts: Collection[str]
    open_to_all: Collection[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["path"] not in self.open_to_all:
            named = Headers(scope=scope).getlist("host")
            if len(named) != 1 or not may_be_named(named[0], self.hosts):
                answer = PlainTextResponse(
                    "Okos does not answer by this name. Use its address, or list the name in OKOS_WEB__HOSTS.\n",
                    _MISDIRECTED,
                )
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)
