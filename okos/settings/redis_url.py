"""What the address of the server may look like; what is wrong with one is said without quoting it.

It imports nothing of Okos, and nothing of redis-py, which says so only when it connects, and with the password.
"""

from urllib.parse import parse_qsl, urlsplit

# Of what redis-py takes there; time limits and retries are the engine's own.
_TEXTS = {"username", "password", "client_name"}
_TLS = {"ssl_cert_reqs", "ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"}


def check_redis_url(url: str) -> None:
    """Look whether it is an address that the client knows.

    Raises:
        ValueError: It is not; the message says why.
    """
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("should begin with redis://, rediss:// or unix://")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("should be an address: redis://host:port/0") from None
    if parts.fragment or "@" in parts.path + parts.query:
        raise ValueError("should have no #; / ? # @ in a password, a path or a value are written as %2F, %3F, %23, %40")
    if parts.scheme != "unix":
        try:
            _ = parts.port
        except ValueError:
            raise ValueError("the port should be a number up to 65535") from None
    known = _TEXTS | {"db"} | (_TLS if parts.scheme == "rediss" else set())
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            raise ValueError(f"the part after ? should only have {', '.join(sorted(known))}")
        if name == "db" and not (value.isascii() and value.isdigit()):
            raise ValueError("db should be a number")
