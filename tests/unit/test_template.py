"""What `okos init` writes, and where a worker finds its handlers."""

from pathlib import Path

import pytest

from okos.template import CannotWrite, WouldOverwrite, handlers_directory, template_directory, write_template


def test_the_template_holds_the_handlers_and_the_configuration(tmp_path: Path) -> None:
    written = write_template(tmp_path / "new", force=False)

    assert {str(path.relative_to(tmp_path / "new")) for path in written} >= {
        "actors/__init__.py",
        "actors/text.py",
        "actors/photo.py",
        "actors/sticker.py",
        "actors/maintenance.py",
        "config/okos.toml",
    }
    assert all(
        path.read_bytes() == (template_directory() / path.relative_to(tmp_path / "new")).read_bytes()
        for path in written
    )


def test_nothing_is_overwritten_unless_asked_for(tmp_path: Path) -> None:
    changed = tmp_path / "actors" / "text.py"
    changed.parent.mkdir()
    changed.write_text("mine")

    with pytest.raises(WouldOverwrite, match=r"actors/text\.py would be overwritten"):
        write_template(tmp_path, force=False)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [changed]

    write_template(tmp_path, force=True)
    assert changed.read_text() != "mine"


def test_a_directory_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotWrite, match="cannot write to"):
        write_template(tmp_path / "file", force=False)


def test_handlers_that_are_here_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "actors").mkdir()
    monkeypatch.chdir(tmp_path)

    assert handlers_directory("actors") is None


def test_handlers_of_another_name_are_never_replaced_by_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert handlers_directory("my.handlers") is None
