"""The pictures of the pages in docs/images, taken from an Okos that has worked for some minutes: `make screenshots`."""

from __future__ import annotations

import argparse
import io
import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright
from web_system import OPERATOR, REPOSITORY, System, a_system, chromium, the_web

from okos.mailbox import MailboxFull

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

IMAGES = REPOSITORY / "docs" / "images"
SCALE = 1.5
SPAN_S = 600.0

NAMES = (
    *("ada", "ben", "cleo", "dev", "eva", "gita", "ines", "jan", "kofi", "lea", "mira", "noor", "olga", "pia"),
    *("quinn", "rosa", "sara", "tom", "uma", "vera", "will", "xena", "yuri", "zoe"),
)
TEXTS = (
    "How long is the coast of Norway?",
    "Write me a haiku about a queue.",
    "Translate 'mailbox' into Finnish.",
    "What is the capital of Peru?",
    "Good morning! Are you awake?",
    "Tell me a story.",
    "Thank you, that is all.",
)
TROUBLES = ("please fail once", "please refuse this", "use up the quota")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture: of which page, how wide and high or the whole of it, and what is done before."""

    name: str
    path: str
    width: int = 1280
    height: int = 840
    scheme: Literal["light", "dark"] = "light"
    whole: bool = False
    before: Callable[[Page], None] = lambda _page: None


def work(system: System, minutes: float) -> None:
    """Let users write, in waves, and some of what they write fail."""
    system.broker.pause("local:hugo")
    system.say("hugo", *TEXTS[:4])
    until = time.monotonic() + minutes * 60
    while time.monotonic() < until:
        wave = 1 + math.sin(time.monotonic() * 2 * math.pi / SPAN_S)
        for _ in range(random.choice((0, 1, 1, 2, 3)) if random.random() < 0.35 + 0.3 * wave else 0):
            text = random.choice(TROUBLES) if random.random() < 0.012 else random.choice(TEXTS)
            send(system, random.choice(NAMES), text)
        if random.random() < 0.02:
            send(system, random.choice(NAMES), *random.sample(TEXTS, 5))
        time.sleep(0.5)


def send(system: System, user: str, *texts: str) -> None:
    """Send what a user writes, unless the mailbox is full."""
    try:
        system.say(user, *texts)
    except MailboxFull:
        return


def trouble(system: System) -> None:
    """Have a backlog and somebody whose first message fails, for the pictures that show why one waits."""
    send(system, "finn", "please fail once", *TEXTS[:4])
    send(system, "lea", "please hang", *TEXTS[1:4])
    for user in ("kofi", "ines"):
        send(system, user, "please fail once", TEXTS[0])
    time.sleep(3)


def fjord() -> bytes:
    """Paint an evening at a fjord: what somebody might send a photo of."""
    image = Image.new("RGB", (960, 640))
    draw = ImageDraw.Draw(image)
    for y in range(640):
        share = y / 640
        draw.line([(0, y), (960, y)], fill=(round(250 - 130 * share), round(190 - 60 * share), round(150 + 60 * share)))
    draw.ellipse([610, 170, 700, 260], fill=(255, 240, 200))
    for peaks, colour in (
        ([(0, 330), (160, 150), (330, 330), (520, 210), (720, 380), (960, 240), (960, 460), (0, 460)], (96, 98, 140)),
        ([(0, 250), (130, 300), (330, 460), (0, 460)], (52, 58, 92)),
        ([(960, 300), (820, 330), (600, 455), (960, 460)], (44, 50, 82)),
    ):
        draw.polygon(peaks, fill=colour)
    draw.rectangle([0, 455, 960, 640], fill=(70, 84, 128))
    for y in range(462, 640, 13):
        draw.line([(655 - (y - 455), y), (655 + (y - 455) // 2, y)], fill=(214, 176, 170), width=3)
    painted = io.BytesIO()
    image.save(painted, "JPEG", quality=90)
    return painted.getvalue()


def converse(page: Page) -> None:
    """Let three users talk, one of them about a photo, and catch an answer while it grows."""
    page.locator("[data-user=ada] input[type=file]").set_input_files(
        {"name": "evening.jpg", "mimeType": "image/jpeg", "buffer": fjord()}
    )
    for user, text in (("ada", "Is this the coast of Norway?"), ("ben", TEXTS[1]), ("cleo", TEXTS[3])):
        page.get_by_label(f"Message of {user}").fill(text)
        page.get_by_label(f"Message of {user}").press("Enter")
    page.locator(".theirs:not(.draft)").nth(2).wait_for()
    page.get_by_label("Message of cleo").fill(TEXTS[6])
    page.get_by_label("Message of cleo").press("Enter")
    page.get_by_label("Message of ben").fill("Tell me a story.")
    page.get_by_label("Message of ben").press("Enter")
    page.locator("[data-user=ben] .draft", has_text="had its order").wait_for()


def drawn(page: Page) -> None:
    """Wait for the charts and a first live reading."""
    page.locator("#charts[data-drawn]").wait_for()
    page.wait_for_timeout(1500)


PICTURES = (
    Picture(name="overview-light", path="/", whole=True, before=drawn),
    Picture(name="overview-dark", path="/", whole=True, scheme="dark", before=drawn),
    Picture(name="mailbox", path="/mailbox?key=local:finn", height=800),
    Picture(name="dead-letters", path="/dead?by=error", height=640),
    Picture(name="chat", path="/chat", height=780, before=converse),
    Picture(name="phone", path="/", width=390, height=844, before=drawn),
)


def in_few_colours(image: Image.Image) -> Image.Image:
    """Keep the 256 colours that there is most of as they are, and put the nearest of them in the place of others."""
    counted = cast("list[tuple[int, tuple[int, int, int]]]", image.getcolors(image.width * image.height))
    colours = [colour for _, colour in sorted(counted, reverse=True)]
    kept = colours[:256]
    place = {
        colour: min(range(len(kept)), key=lambda at: sum((a - b) ** 2 for a, b in zip(colour, kept[at], strict=True)))
        for colour in colours
    }
    painted = Image.frombytes("P", image.size, bytes(map(place.__getitem__, image.getdata())))
    painted.putpalette([channel for colour in kept for channel in colour])
    return painted


def take(browser: Browser, url: str, picture: Picture) -> None:
    """Take one picture."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,
        device_scale_factor=SCALE,
    )
    page = context.new_page()
    page.goto(f"/login#{OPERATOR}")
    page.wait_for_url(f"{url}/")
    page.goto(picture.path)
    page.wait_for_timeout(500)
    picture.before(page)
    image = Image.open(io.BytesIO(page.screenshot(full_page=picture.whole))).convert("RGB")
    target = IMAGES / f"{picture.name}.png"
    in_few_colours(image).save(target, optimize=True)
    context.close()
    print(f"{target.relative_to(REPOSITORY)}: {image.width} x {image.height}, {target.stat().st_size // 1024} kB")  # noqa: T201


def main() -> None:
    """Run a system, let it work, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3, help="how long it works before: more fills the charts")
    minutes = parser.parse_args().minutes
    path = chromium()
    if path is None:
        raise SystemExit("there is no /usr/bin/chromium: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    with a_system(workers=2, threads=8, min_backoff_ms=20_000, lease_ms=15_000) as system:
        print(f"{system.url} {system.settings.redis_url}; pictures in {minutes:g} minutes", flush=True)  # noqa: T201
        work(system, minutes)
        trouble(system)
        with the_web(system.settings) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            for picture in PICTURES:
                take(browser, url, picture)
            browser.close()


if __name__ == "__main__":
    main()
