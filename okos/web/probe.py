"""What programs ask: is it alive, does it take work, and its figures. Open to whoever reaches it: counts alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response

from okos.operate.health import Canary, check_health
from okos.operate.prometheus import CONTENT_TYPE, render_metrics

if TYPE_CHECKING:
    from starlette.requests import Request

    from okos.operate.health import Readiness
    from okos.web.site import Site

_AWAY = 503


def health(site: Site) -> Any:  # Any: Starlette's endpoint
    """Say whether the store answers."""

    async def endpoint(_request: Request) -> Response:
        found = await run_in_threadpool(check_health, site.broker)
        return JSONResponse({"ok": found.ok, "reason": found.reason}, 200 if found.ok else _AWAY)

    return endpoint


def ready(site: Site) -> Any:  # Any: as above
    """Say whether a message that is sent now is handled: one is sent, and waited for."""
    canary = Canary(site.broker)
    asked: asyncio.Task[Readiness] | None = None

    async def endpoint(_request: Request) -> Response:
        nonlocal asked
        # One thread for all who wait for the same canary: the others are for the pages.
        if asked is None or asked.done():
            asked = asyncio.create_task(run_in_threadpool(canary.check))
        found = await asyncio.shield(asked)
        answer = {"ready": found.ready, "reason": found.reason, "took_ms": found.took_ms}
        return JSONResponse(answer, 200 if found.ready else _AWAY)

    return endpoint


def metrics(site: Site) -> Any:  # Any: as above
    """Give the figures in Prometheus' form; a store that is away is a scrape that failed."""

    async def endpoint(_request: Request) -> Response:
        text = await run_in_threadpool(render_metrics, site.broker, site.settings)
        return PlainTextResponse(text, media_type=CONTENT_TYPE)

    return endpoint
