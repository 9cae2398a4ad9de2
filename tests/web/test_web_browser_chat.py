"""The page Chat in a real Chromium: several users talk at once, with texts, photos and files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import expect
from real_server import eventually

from okos.envelope import Attachment, Envelope, Reply
from okos.mailbox import AuditLog
from okos.outbox import posted

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from web_system import System

    Open = Callable[..., Page]


def test_several_users_talk_at_once_and_see_their_answers_grow(open_page: Open, system: System) -> None:
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_label("Message of ada").fill("How long is the coast of Norway? I can wait.")
    page.get_by_label("Message of ada").press("Enter")
    page.get_by_label("Message of ben").fill("What is the capital of Peru?")
    page.get_by_label("Message of ben").press("Enter")

    expect(page.locator("[data-user=ada] .draft")).to_be_visible()
    system.model.go_on.set()
    expect(page.get_by_role("log", name="Chat of ada")).to_contain_text("every fjord and island.")
    expect(page.get_by_role("log", name="Chat of ben")).to_contain_text("the City of Kings.")
    expect(page.get_by_role("log", name="Chat of cleo")).to_be_empty()
    expect(page.locator("[data-user=ada] [data-state]")).to_have_text("idle")
    expect(page.locator(".draft")).to_have_count(0)


def test_everybody_talks_at_once_and_a_user_is_added(open_page: Open) -> None:
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_role("button", name="Add a user").click()
    expect(page.get_by_label("Message of dev")).to_be_focused()
    page.get_by_label("A message from everybody").fill("Good morning!")
    page.get_by_role("button", name="Send as all").click()

    for user in ("ada", "ben", "cleo", "dev"):
        expect(page.get_by_role("log", name=f"Chat of {user}")).to_contain_text("What can I do for you?")


def test_an_answer_is_shown_once_however_often_the_page_has_to_connect_anew(open_page: Open) -> None:
    page = open_page("/login")
    page.add_init_script(
        "window.streams = [];"
        "window.EventSource = class extends EventSource { constructor(to) { super(to); window.streams.push(this); } };"
    )
    page.goto("/chat")
    expect(page.locator("#link")).to_have_text("Connected")
    chat = page.get_by_role("log", name="Chat of ada")
    for text in ("What is the capital of Peru?", "Good morning!"):
        page.get_by_label("Message of ada").fill(text)
        page.get_by_label("Message of ada").press("Enter")
        expect(page.locator("[data-user=ada] [data-state]")).to_have_text("idle")
        if text.startswith("What"):
            expect(chat).to_contain_text("the City of Kings.")
            # As after an answer that is no stream, a proxy's 502 for one.
            page.evaluate("window.streams[0].close(); window.streams[0].onerror()")
            expect(page.locator("#link")).to_have_text("Connected")

    expect(chat).to_contain_text("What can I do for you?")
    assert chat.inner_text().count("the City of Kings.") == 1


def test_a_photo_is_sent_shown_and_answered(open_page: Open, system: System, tmp_path: Path) -> None:
    photo = tmp_path / "square.png"
    Image.new("RGB", (600, 400), (230, 20, 20)).save(photo)
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")
    ada = page.locator("[data-user=ada]")

    with page.expect_file_chooser() as chooser:
        ada.get_by_role("button", name="Attach a photo of ada").click()
    chooser.value.set_files(photo)
    expect(ada.locator("[data-chosen]")).to_contain_text("square.png")
    expect(page.get_by_label("Message of ada")).to_be_focused()
    page.get_by_label("Message of ada").fill("What is this?")
    page.get_by_label("Message of ada").press("Enter")

    expect(ada.locator("[data-chosen]")).to_be_hidden()
    shown = ada.get_by_role("img", name="Photo square.png")
    expect(shown).to_be_visible()
    assert shown.evaluate("canvas => [...canvas.getContext('2d').getImageData(9, 9, 1, 1).data]") == [230, 20, 20, 255]
    expect(ada.get_by_role("log")).to_contain_text("a red square, quite alone.")
    eventually(lambda: "photo" in system.broker.measures().actors)


def test_files_of_an_answer_are_shown_played_and_kept(open_page: Open, system: System) -> None:
    page = open_page("/chat", but="status of 404")
    expect(page.locator("#link")).to_have_text("Connected")
    system.broker.pause("local:cleo")
    page.get_by_label("Message of cleo").fill("Draw me something")
    page.get_by_label("Message of cleo").press("Enter")
    expect(page.locator("[data-user=cleo] [data-state]")).to_have_text("1 waiting")
    [waiting] = system.broker.mailbox("local:cleo").messages
    detail = system.broker.message(waiting.id)
    assert detail is not None
    assert detail.message is not None
    envelope = Envelope.decode(detail.message.args[0])
    painted = io.BytesIO()
    Image.new("RGB", (40, 30), (30, 80, 220)).save(painted, "PNG")
    for kind, name, content in (
        ("photo", "blue.png", painted.getvalue()),
        ("document", "<b>notes</b>.html", b"<script>alert(1)</script>"),
        ("photo", "broken.png", b"no picture"),
    ):
        system.broker.write(f"reply:{name}", content, ttl_ms=600_000)
        file = Attachment(name=f"reply:{name}", mime="text/html", file_name=name, size_bytes=len(content))
        reply = Reply(envelope_id=envelope.id, chat="cleo", text=f"A {kind}.", last=False, kind=kind, attachment=file)
        system.broker.enqueue(posted(envelope, reply))

    cleo = page.get_by_role("log", name="Chat of cleo")
    image = cleo.get_by_role("img", name="photo blue.png")
    expect(image).to_have_js_property("naturalWidth", 40)
    with page.expect_download() as download:
        cleo.get_by_role("link", name="<b>notes</b>.html, 25 B").click()
    assert Path(download.value.path()).read_bytes() == b"<script>alert(1)</script>"
    expect(cleo.get_by_role("link", name="broken.png, 10 B")).to_be_visible()
    system.broker.cancel_mailbox("local:cleo")
    system.broker.resume("local:cleo")


def test_what_is_no_picture_is_refused_and_can_be_left_out(open_page: Open, tmp_path: Path) -> None:
    other = tmp_path / "notes.png"
    other.write_text("no picture at all")
    page = open_page("/chat", but="status of 422")
    expect(page.locator("#link")).to_have_text("Connected")
    ben = page.locator("[data-user=ben]")

    ben.locator("input[type=file]").set_input_files(other)
    ben.get_by_role("button", name="Leave the photo of ben out").click()
    expect(ben.locator("[data-chosen]")).to_be_hidden()
    ben.locator("input[type=file]").set_input_files(other)
    page.get_by_label("Message of ben").press("Enter")
    expect(ben.locator(".theirs.failed")).to_contain_text("that is no picture")


def test_who_is_told_no_sees_why(open_page: Open, system: System) -> None:
    system.broker.pause("local:ada")
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")

    page.get_by_label("Message of ada").fill("please refuse this")
    page.get_by_label("Message of ada").press("Enter")
    expect(page.locator("[data-user=ada] [data-state]")).to_have_text("1 waiting")
    system.broker.resume("local:ada")

    expect(page.locator("[data-user=ada] .failed")).to_contain_text("Sorry")


def test_whom_an_operator_speaks_as_is_in_the_audit_once_and_what_is_said_never(
    open_page: Open, system: System
) -> None:
    before = len(system.broker.audit(limit=1000, only=AuditLog.VISITS))
    page = open_page("/chat")
    expect(page.locator("#link")).to_have_text("Connected")
    for text in ("Good morning!", "What is the capital of Peru?"):
        page.get_by_label("Message of ada").fill(text)
        page.get_by_label("Message of ada").press("Enter")
    expect(page.get_by_role("log", name="Chat of ada")).to_contain_text("the City of Kings.")

    visits = system.broker.audit(limit=1000, only=AuditLog.VISITS)

    spoke, entered = visits[: len(visits) - before]
    assert [(one.action, one.target) for one in (entered, spoke)] == [("log in", "web"), ("chat", "local:ada")]
    assert spoke.who == entered.who
    assert "Peru" not in str(spoke)
