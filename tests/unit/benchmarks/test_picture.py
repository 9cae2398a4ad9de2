from xml.etree import ElementTree as ET

from figures import a_drain

from benchmarks.figure import Figures
from benchmarks.picture import draw

SVG = "{http://www.w3.org/2000/svg}"


def drawn(figures: list[Figures]) -> ET.Element:
    picture = draw(figures)
    assert picture is not None
    return ET.fromstring(picture)  # noqa: S314 - we have just written it


def figures_of(**out_of_order: int) -> list[Figures]:
    return [
        a_drain(name, users=users, messages_per_user=messages, drain_cpu_us=20.0, out_of_order=count)
        for users, messages in ((1_000, 20), (10, 1_000))
        for name, count in out_of_order.items()
    ]


def test_each_contestant_has_a_row_and_each_figure_says_what_it_is() -> None:
    texts = [text.text for text in drawn(figures_of(stock=434, okos=0)).iter(f"{SVG}text")]

    assert {"Dramatiq", "Okos", "434", "20,000"} <= set(texts)
    assert "BullMQ" not in texts


def test_no_message_out_of_order_draws_no_bar() -> None:
    def bars(figures: list[Figures]) -> int:
        return sum(bar.get("class") == "broken" for bar in drawn(figures).iter(f"{SVG}rect"))

    assert bars(figures_of(stock=434, okos=0)) == bars(figures_of(stock=0, okos=0)) + 1


def test_a_figure_that_is_missing_is_said_to_be() -> None:
    figures = [*figures_of(stock=0), a_drain("okos", users=1_000, messages_per_user=20)]

    assert "not measured" in [text.text for text in drawn(figures).iter(f"{SVG}text")]


def test_without_throughput_there_is_no_picture() -> None:
    assert draw([a_drain("okos", sleep_ms=20)]) is None
