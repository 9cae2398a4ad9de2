"""The judgement over what a bot did: exactly one answer to each message, in order."""

from datacentre import Message, Peer, violations

ALICE = Peer("user", 7)


def shown(*texts: str) -> list[Message]:
    """Return a chat, top to bottom; what begins with "> " is the bot's."""
    return [
        Message(id=n, peer=ALICE, sender=7, out=text.startswith("> "), text=text.removeprefix("> "), date=0)
        for n, text in enumerate(texts, 1)
    ]


def test_one_answer_each_in_order_is_no_violation() -> None:
    assert violations(shown("a.", "b.", "> to a.", "> to b.", "c.", "> to c.")) == []


def test_a_message_without_an_answer_is_named() -> None:
    assert violations(shown("a.", "b.", "> to b.")) == ["message 1 has no answer: 'a.'"]


def test_a_message_with_two_answers_is_named() -> None:
    assert violations(shown("a.", "> to a.", "> to a.")) == ["message 1 has 2 answers: 'a.'"]


def test_answers_out_of_order_are_named() -> None:
    assert violations(shown("a.", "b.", "> to b.", "> to a.")) == ["answers are out of order: [2, 1]"]


def test_an_answer_to_nothing_is_named() -> None:
    assert violations(shown("a.", "> to a.", "> to z.")) == ["message 3 answers nothing: 'to z.'"]


def test_an_answer_before_its_question_answers_nothing() -> None:
    assert violations(shown("> to a.", "a.")) == ["message 1 answers nothing: 'to a.'", "message 2 has no answer: 'a.'"]


def test_the_same_words_twice_want_two_answers() -> None:
    assert violations(shown("a.", "a.", "> to a.", "> to a.")) == []
    assert violations(shown("a.", "a.", "> to a.")) == ["message 2 has no answer: 'a.'"]


def test_a_reply_belongs_to_what_it_replies_to_whatever_it_says() -> None:
    chat = shown("a.", "b.", "> yes", "> no")
    chat[2].reply_to, chat[3].reply_to = 1, 2
    assert violations(chat) == []
    assert violations(chat, asks=lambda message: message.text == "b.") == ["message 3 answers nothing: 'yes'"]


def test_an_answer_may_have_parts_where_the_test_says_so() -> None:
    chat = shown("a.", "> to a.", "> more to a.", "b.", "> to b.")
    assert violations(chat, parts=True) == []
    assert violations(chat) == ["message 1 has 2 answers: 'a.'"]
