"""Whether one part of Okos does its work on this machine: for health checks of containers and service managers.

`okos status` looks at all of an Okos; here it is this machine's share, so that a dead container is not taken for well
because another one lives. The gateway is the exception: one of the bot's is connected, and a standby is well by it.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import TYPE_CHECKING, Literal

from okos.mailbox import MailboxBroker, StoreUnavailable
from okos.operate.gateway import read_gateway
from okos.operate.health import check_health
from okos.server import live_url

if TYPE_CHECKING:
    from okos.settings import Settings, Web

Part = Literal["store", "worker", "gateway", "web"]

_ANSWER_S = 4.0
_HERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


def what_ails(part: Part, settings: Settings) -> str:
    """Say why the part does not do its work here; empty if it does."""
    if part == "web":
        return _web(settings.web)
    url = live_url(settings)
    if url is None:
        return f"no server runs in {settings.home}, and OKOS_REDIS_URL names none"
    broker = MailboxBroker(url, namespace=settings.namespace, lease_ms=settings.lease_ms, middleware=[], client=True)
    try:
        return _in_the_store(part, broker, settings)
    except StoreUnavailable as error:
        return str(error)
    finally:
        broker.close()


def _in_the_store(part: Part, broker: MailboxBroker, settings: Settings) -> str:
    if part == "worker":
        here = [one for one in broker.workers() if one.host == socket.gethostname()]
        return "" if here else f"no worker is alive on {socket.gethostname()}"
    if part == "gateway":
        gateway = read_gateway(broker, settings)
        if gateway is None:
            return "no bot is set: OKOS_TELEGRAM__BOT_TOKEN is empty"
        return "" if gateway.online else "no gateway is connected to Telegram"
    return check_health(broker).reason


def _web(web: Web) -> str:
    host = _HERE.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)
    try:
        with urllib.request.urlopen(f"http://{host}:{web.port}/health", timeout=_ANSWER_S):
            return ""
    except urllib.error.HTTPError as error:
        return _reason(error) or f"the web answers {error.code}"
    except (OSError, ValueError, HTTPException) as error:
        return f"the web does not answer on {host}:{web.port} ({getattr(error, 'reason', None) or error})"


def _reason(answer: urllib.error.HTTPError) -> str:
    """Read why the web is not well; empty if somebody else answers, or it breaks off."""
    try:
        said = json.loads(answer.read())
    except (OSError, ValueError, HTTPException):
        return ""
    return str(said.get("reason", "")) if isinstance(said, dict) else ""
