"""What is not ours is what its authors published: these are the checksums of the files in their packages on npm."""

import hashlib
from pathlib import Path

import pytest

VENDOR = Path(__file__).parents[2] / "okos/web/static/vendor"

PUBLISHED = {
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "htmx-ext-sse-2.2.4.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
    "uplot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_vendored_file_is_as_published(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == PUBLISHED[name]


def test_nothing_else_is_vendored_and_each_has_its_licence() -> None:
    scripts = {path.name for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}}
    licences = {path.name for path in VENDOR.glob("*.LICENSE")}
    page = (VENDOR / "README.md").read_text(encoding="utf-8")

    assert scripts == set(PUBLISHED)
    assert licences == {"htmx.LICENSE", "htmx-ext-sse.LICENSE", "uplot.LICENSE"}
    assert all(name in page for name in PUBLISHED)
