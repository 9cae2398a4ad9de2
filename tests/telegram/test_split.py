"""Cutting a text into messages: nothing lost, nothing too long, nothing cut that is one."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from okos.telegram.markup import CUTTABLE, Marked, Span, marked, units
from okos.telegram.split import MOST_CAPTION_UNITS, MOST_SPANS, MOST_UNITS, split

WORDS = st.text(alphabet=st.sampled_from("ab.\n \U0001f600é`*"), max_size=300)


@st.composite
def marked_texts(draw: st.DrawFn) -> Marked:
    """Make a text with spans anywhere that Telegram would take."""
    text = draw(WORDS)
    ends = [units(text[:index]) for index in range(len(text) + 1)]
    spans = []
    for _ in range(draw(st.integers(0, 12)) if text else 0):
        first, last = sorted(draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
        if first < last:
            kind = draw(st.sampled_from(sorted(CUTTABLE)))
            spans.append(Span(kind=kind, offset=ends[first], length=ends[last] - ends[first]))
    spans.sort(key=lambda span: (span.offset, -span.length))
    return Marked(text, tuple(spans))


def without_space(text: str) -> str:
    return "".join(text.split())


@given(marked_texts(), st.integers(2, 80))
@example(Marked("\U0001f600" * 10), 3)
@example(Marked("a" * 10), 2)
def test_the_pieces_hold_the_text_and_only_white_space_is_left_out(whole: Marked, most: int) -> None:
    pieces = split(whole, most_units=most)
    assert without_space("".join(piece.text for piece in pieces)) == without_space(whole.text)
    assert all(piece.text.strip() for piece in pieces)


@given(marked_texts(), st.integers(2, 80))
def test_every_piece_is_within_the_limits_and_its_spans_within_it(whole: Marked, most: int) -> None:
    for piece in split(whole, most_units=most):
        piece.text.encode()  # no half of a pair
        assert 0 < units(piece.text) <= most
        assert len(piece.spans) <= MOST_SPANS
        starts = {units(piece.text[:index]) for index in range(len(piece.text) + 1)}
        for span in piece.spans:
            assert 0 <= span.offset < span.end <= units(piece.text)
            assert {span.offset, span.end} <= starts


@given(marked_texts(), st.integers(2, 80))
def test_what_a_span_covers_it_still_covers(whole: Marked, most: int) -> None:
    def covered(one: Marked) -> str:
        wide = one.text.encode("utf-16-le")
        return "".join(wide[span.offset * 2 : span.end * 2].decode("utf-16-le") for span in one.spans)

    pieces = split(whole, most_units=most)
    assert sorted(without_space("".join(map(covered, pieces)))) == sorted(without_space(covered(whole)))


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["word. ", "**b** ", "`code` ", "[l](http://x.y) ", "\n\n", "```\nx < y\n```\n", "😀"]))
)
def test_a_long_answer_fits_and_keeps_its_code_whole(parts: list[str]) -> None:
    whole = marked("".join(parts) * 60)
    pieces = split(whole)
    assert without_space("".join(piece.text for piece in pieces)) == without_space(whole.text)
    kinds = {"code", "text_link"}
    shown = sum(span.kind in kinds for piece in pieces for span in piece.spans)
    assert shown == sum(span.kind in kinds for span in whole.spans)
    assert all(units(piece.text) <= MOST_UNITS and len(piece.spans) <= MOST_SPANS for piece in pieces)


def test_a_text_that_fits_is_one_message() -> None:
    assert split(Marked("x" * MOST_UNITS)) == [Marked("x" * MOST_UNITS)]
    assert [len(piece.text) for piece in split(Marked("x" * (MOST_UNITS + 1)))] == [MOST_UNITS, 1]


def test_a_blank_text_is_no_message() -> None:
    assert split(Marked("")) == split(Marked(" \n \n")) == []


def test_paragraphs_go_before_lines_and_sentences_and_words() -> None:
    text = "One two. Three four.\nFive six.\n\nSeven eight nine."
    cut = {most: [piece.text for piece in split(Marked(text), most_units=most)] for most in (40, 28, 21, 12)}
    assert cut[40] == ["One two. Three four.\nFive six.", "Seven eight nine."]
    assert cut[28] == ["One two. Three four.", "Five six.\n\nSeven eight nine."]
    assert cut[21][:2] == ["One two. Three four.", "Five six."]
    assert cut[12][0] == "One two."


def test_code_that_fits_a_message_is_not_cut() -> None:
    whole = marked(
        "An introduction. "
        + "More. " * 20
        + "\n\n```python\n"
        + "line = 1\n" * 450
        + "```\nThe end. "
        + "And more. " * 200
    )
    pieces = split(whole)
    assert [piece.text[:5] for piece in pieces] == ["An in", "line ", "The e"]
    assert sum(span.kind == "pre" for piece in pieces for span in piece.spans) == 1


def test_code_longer_than_a_message_is_code_in_each() -> None:
    pieces = split(marked("```python\n" + "line = 1\n" * 1000 + "```"))
    assert len(pieces) == 3
    for piece in pieces:
        assert [(span.kind, span.language) for span in piece.spans] == [("pre", "python")]
        assert piece.text.startswith("line") and piece.text.endswith("= 1")  # noqa: PT018


def test_code_keeps_its_first_spaces() -> None:
    assert split(Marked("    x", (Span(kind="pre", offset=0, length=5),)))[0].text == "    x"


def test_a_caption_is_shorter_than_what_follows() -> None:
    pieces = split(Marked("word " * 2000), first_units=MOST_CAPTION_UNITS)
    assert units(pieces[0].text) <= MOST_CAPTION_UNITS < units(pieces[1].text)


def test_more_spans_than_a_message_holds_make_two() -> None:
    pieces = split(marked("`x` and " * 250))
    assert [len(piece.spans) for piece in pieces] == [100, 100, 50]
