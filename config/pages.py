"""What the site needs beside MkDocs: pages from elsewhere in the repository, links to its files, diagrams as pictures.

Pages link to each other and to files by relative paths, as they are shown in the repository. In the site a page or file
that stands outside of docs/ is there when some page links to it, under its own path, and the links lead to it there.
"""

from __future__ import annotations

import posixpath
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mermaidx  # type: ignore[import-untyped]  # it has no types
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

#: README.md would be the index of the site, where docs/index.md stands.
_RENAMED = {"README.md": "about.md"}
_ORIGINAL = {new: old for old, new in _RENAMED.items()}
_FENCED = re.compile(r"(?ms)^```.*?^```$")
_LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name headings as the repository's own view does, and draw diagrams."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor_of
    fence = {"name": "mermaid", "class": "diagram", "format": draw}
    config.mdx_configs["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Take in what pages link to outside of docs/, and what those link to."""
    waiting = [in_repository(file.src_uri) for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        for target in linked(page):
            uri = in_site(target)
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(ROOT / target)))
                if target.endswith(".md"):
                    waiting.append(target)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to where their targets are in the site."""
    del config, files
    here = page.file.src_uri

    def lead(match: re.Match[str]) -> str:
        target = resolved(in_repository(here), match[2])
        if target is None:
            return match[0]
        return match[1] + posixpath.relpath(in_site(target), posixpath.dirname(here) or ".") + match[3]

    return outside_of_code(markdown, lambda text: _LINK.sub(lead, text))


def linked(page: str) -> Iterator[str]:
    """Name the files of the repository that a page links to, by their paths in it."""
    text = _FENCED.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for match in _LINK.finditer(text):
        target = resolved(page, match[2])
        if target is not None:
            yield target


def resolved(page: str, link: str) -> str | None:
    """Find the file that a link on a page means; None if it means none of this repository."""
    if "://" in link or link.startswith("mailto:"):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return target if not target.startswith("..") and (ROOT / target).is_file() else None


def in_site(path: str) -> str:
    """Say where a file of the repository is in the site."""
    return path.removeprefix("docs/") if path.startswith("docs/") else _RENAMED.get(path, path)


def in_repository(uri: str) -> str:
    """Say where what is here in the site is in the repository."""
    if uri in _ORIGINAL:
        return _ORIGINAL[uri]
    return f"docs/{uri}" if (ROOT / "docs" / uri).is_file() else uri


def outside_of_code(markdown: str, change: Any) -> str:  # Any: a function from text to text
    """Change the text of a page, and no block of code in it."""
    parts, end = [], 0
    for block in _FENCED.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])


def anchor_of(title: str, separator: str) -> str:
    """Name a heading as it is linked to."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"<[^>]*>", "", title).lower()).replace(" ", separator)


def draw(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:  # Any: of the extension
    """Draw a diagram when the site is built: nothing is fetched and nothing runs when it is read."""
    del language, options, md
    name = f"diagram-{zlib.crc32(source.encode()):08x}"  # its styles are by its name, and must not be another's
    picture = mermaidx.render(source, theme="neutral").svg().replace("my-svg", name)
    return f'<div class="{css_class}" style="background:#fff;overflow-x:auto">{picture}</div>'
