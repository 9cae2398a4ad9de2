"""How long a chat sees that the bot is typing."""

from okos.telegram.activity import EVERY_S

#: Telegram shows it for about five seconds.
SHOWN_S = 5.0


def test_it_is_said_again_before_it_goes_out_and_not_much_sooner() -> None:
    assert SHOWN_S - 1 <= EVERY_S < SHOWN_S
