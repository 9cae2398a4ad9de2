"""What a health check says of the web, whoever answers at its address."""

import socket
import threading

import pytest

from okos.operate.parts import what_ails
from okos.settings import Settings


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'HTTP/1.0 503 Away\r\n\r\n{"reason": "the store is away"}', "the store is away"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n<p>somebody else", "the web answers 404"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n[]", "the web answers 404"),
        (b"HTTP/1.0 502 Bad\r\nContent-Length: 9\r\n\r\n{", "the web answers 502"),
        (b"SSH-2.0-somebody\r\n", "the web does not answer on 127.0.0.1"),
    ],
)
def test_whatever_answers_at_the_address_of_the_web_is_told_in_words(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        threading.Thread(target=answer_once, daemon=True).start()
        settings = Settings.model_validate({"web": {"port": server.getsockname()[1]}})

        assert what_ails("web", settings).startswith(said)
