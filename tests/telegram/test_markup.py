"""From Markdown to text and spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okos.telegram.markup import Marked, Span, marked, units


def shown(markdown: str) -> list[tuple[str, str]]:
    """Give each span with the words that it covers."""
    whole = marked(markdown)
    wide = whole.text.encode("utf-16-le")
    return [(span.kind, wide[span.offset * 2 : span.end * 2].decode("utf-16-le")) for span in whole.spans]


def test_formatting_becomes_spans() -> None:
    assert marked("a **b** _c_ `d`").text == "a b c d"
    assert shown("a **b** _c_ `d` ~~e~~") == [("bold", "b"), ("italic", "c"), ("code", "d"), ("strikethrough", "e")]
    assert marked("[here](https://okos.example/a_b)").spans == (
        Span(kind="text_link", offset=0, length=4, url="https://okos.example/a_b"),
    )
    assert marked("```python\nx = 1\n```").spans == (Span(kind="pre", offset=0, length=5, language="python"),)


@pytest.mark.parametrize(
    "text", ["a vector<int> b", "if a < b and c > d", "<script>x</script>", "<!-- kept -->", "a <b>c</b>", "Map<K, V>"]
)
def test_what_looks_like_html_is_said(text: str) -> None:
    assert marked(text).text == text
    assert marked(f"`{text}`").text == text
    assert marked(f"```\n{text}\n```").text == text
    assert marked(f"**bold** {text}").text == f"bold {text}"


def test_spans_are_counted_in_utf_16() -> None:
    assert shown("😀 **b😀** `x`") == [("bold", "b😀"), ("code", "x")]
    assert marked("😀 **b**").spans == (Span(kind="bold", offset=3, length=1),)


def test_a_link_that_leads_nowhere_is_words() -> None:
    assert marked("[a](relative/path)") == Marked("a")


def test_headings_and_lists_have_no_pictures() -> None:
    assert marked("# Title\n\n- one\n- two").text == "Title\n\n• one\n• two\n"


def test_a_text_that_formats_to_nothing_is_said_as_it_is() -> None:
    assert marked("[a]: http://b.c").text == "[a]: http://b.c"


def test_what_no_wire_can_carry_is_replaced() -> None:
    assert marked("a\ud83db").text == "a?b"
    assert marked("a\x00b").text == "ab"


@given(st.text(alphabet=st.characters(blacklist_categories=()), max_size=200))
def test_any_text_can_be_formatted(text: str) -> None:
    whole = marked(text)
    whole.text.encode()
    assert bool(whole.text.strip()) >= bool(text.replace("\x00", "").strip())
    for span in whole.spans:
        assert 0 <= span.offset < span.end <= units(whole.text)


@given(
    st.lists(
        st.sampled_from(["*", "_", "`", "```", "\n", "<", ">", "[", "](http://x.y)", "x", " ", "|", "#", "$", "😀"])
    )
)
def test_any_markdown_can_be_formatted(parts: list[str]) -> None:
    whole = marked("".join(parts))
    # what stands behind ``` is a language
    shown = whole.text + "".join(span.language for span in whole.spans)
    assert shown.count("<") == "".join(parts).count("<") or "](" in "".join(parts)
    for span in whole.spans:
        assert 0 <= span.offset < span.end <= units(whole.text)
