"""What `okos up` says once, when it starts: what runs, where, and what could be set."""

from importlib.metadata import version

from okos.server import Server, shown
from okos.settings import Settings, find_config


def banner(settings: Settings, server: Server) -> str:
    """Describe an Okos that is about to run with these settings on this server."""
    slots = " + ".join(str(threads) for threads in settings.threads)
    processes = "1 process" if settings.worker_processes == 1 else f"{settings.worker_processes} processes"
    where = "embedded" if server.owned else "not ours to stop"
    rows = [
        ("home", f"{settings.home}"),
        ("settings", f"{find_config() or 'the defaults'}, and OKOS_… variables"),
        ("server", f"{shown(server.url)} ({where})"),
        ("workers", f"{processes}, {slots} messages at once, handlers from {settings.handlers}"),
        ("logs", f"here; the server's: {settings.home / 'server' / 'server.log'}" if server.owned else "here"),
        ("model", _model(settings)),
        ("Telegram", _telegram(settings)),
        ("try it", "okos chat, or okos ask 'Hello'; okos status shows how it does; Ctrl-C stops it"),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"Okos {version('okos')}", *(f"  {name:<{width}}  {text}" for name, text in rows)])


def _model(settings: Settings) -> str:
    if settings.model.configured:
        return f"{settings.model.name} at {shown(settings.model.url)}"
    return "the offline responder; for a real one set OKOS_MODEL__BASE_URL, OKOS_MODEL__API_KEY, OKOS_MODEL__NAME"


def _telegram(settings: Settings) -> str:
    token = settings.telegram.bot_token
    if token is None:
        return "not connected: set OKOS_TELEGRAM__BOT_TOKEN, …__API_ID and …__API_HASH; docs/telegram.md tells how"
    return f"bot {token.get_secret_value().partition(':')[0]}, by its gateway"
