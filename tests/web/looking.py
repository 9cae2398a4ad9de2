"""What makes a page usable for everybody, looked for in the browser itself: each function gives what is wrong.

And how the tests of a browser answer what they are asked: `sure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: WCAG 2.2, level AA: contrast of text, of large text and of what shows a focus; the size of a target.
CONTRAST, LARGE_CONTRAST, FOCUS_CONTRAST = 4.5, 3.0, 3.0
TARGET_PX = 24

_NAMED = {
    *("button", "link", "textbox", "searchbox", "checkbox", "combobox", "slider", "tab", "menuitem", "option"),
    *("image", "img", "dialog", "alertdialog", "table", "figure", "log", "navigation", "region", "heading"),
}

# Colours as the browser computes them, laid over each other; and how a colour stands out from what is behind it.
_COLOURS = """
  const parsed = (text) => {
    const [red, green, blue, alpha = 1] = text.match(/[\\d.]+/g).map(Number);
    return [red, green, blue, alpha];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (colour, ground) => {
    const [one, other] = [light(over(colour, ground)), light(ground)].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
  };
  const isSeen = (node) => {
    const box = node.getBoundingClientRect();
    const isDrawn = node.checkVisibility({ visibilityProperty: true }) && box.width > 1 && box.height > 1;
    return isDrawn && !node.closest(".hidden");
  };
  const named = (node) => node.outerHTML.replace(/\\s+/g, " ").slice(0, 140);
"""


def unnamed(page: Page) -> list[str]:
    """Give the roles of what a screen reader would meet without a name."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node["role"]["value"] in _NAMED
        and not node.get("name", {}).get("value", "").strip()
    ]


def faint(page: Page) -> list[str]:
    """Give the texts that stand out too little from what is behind them."""
    found: list[str] = page.evaluate(
        f"""([normal, large]) => {{
          {_COLOURS}
          const wrong = [];
          const judge = (node, style, what) => {{
            const size = parseFloat(style.fontSize);
            const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? large : normal;
            const found = contrast(parsed(style.color), behind(node));
            if (found < least) wrong.push(`${{found.toFixed(2)}} ${{what}}: ${{named(node)}}`);
          }};
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {{
            const node = texts.currentNode.parentElement;
            if (texts.currentNode.data.trim() && isSeen(node) && !node.closest(":disabled, script, style, noscript")) {{
              judge(node, getComputedStyle(node), texts.currentNode.data.trim().slice(0, 30));
            }}
          }}
          for (const node of document.querySelectorAll("[placeholder]")) {{
            if (isSeen(node)) judge(node, getComputedStyle(node, "::placeholder"), "placeholder");
          }}
          return wrong;
        }}""",
        [CONTRAST, LARGE_CONTRAST],
    )
    return found


def small(page: Page) -> list[str]:
    """Give what is pressed and is smaller than a finger hits; a link within a text is as high as the text."""
    found: list[str] = page.evaluate(
        f"""(least) => {{
          {_COLOURS}
          const fields = "input:not([type=hidden], [type=checkbox]), select";
          const pressed = `button, .button, summary, .menu a, .tabs a, ${{fields}}`;
          return [...document.querySelectorAll(pressed)].filter(isSeen).filter((node) => {{
            const box = node.getBoundingClientRect();
            return box.height < least || box.width < least;
          }}).map(named);
        }}""",
        TARGET_PX,
    )
    return found


def disorder(page: Page) -> list[str]:
    """Give what is wrong with landmarks, headings, live parts and tables."""
    found: list[str] = page.evaluate(
        f"""() => {{
          {_COLOURS}
          const wrong = [];
          const headings = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
            .filter((node) => node.checkVisibility()).map((node) => Number(node.tagName[1]));
          if (headings.filter((level) => level === 1).length !== 1) wrong.push(`headings ${{headings}}`);
          headings.forEach((level, at) => {{
            if (level > (headings[at - 1] ?? 0) + 1) wrong.push(`a heading ${{level}} after ${{headings[at - 1]}}`);
          }});
          if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
          if (!document.documentElement.lang) wrong.push("no language");
          for (const node of document.querySelectorAll("[aria-live=assertive], [role=alert]")) {{
            if (!node.matches(".bad")) wrong.push(`interrupts: ${{named(node)}}`);
          }}
          for (const table of document.querySelectorAll("table")) {{
            const heads = [...table.querySelectorAll("thead th")];
            if (!heads.length || heads.some((head) => head.scope !== "col")) wrong.push(`no heads: ${{named(table)}}`);
            for (const row of table.querySelectorAll("tbody tr")) {{
              if (!row.querySelector("th[scope=row]")) wrong.push(`no head: ${{named(row)}}`);
              if (row.cells.length !== heads.length) wrong.push(`heads and cells differ: ${{named(row)}}`);
            }}
          }}
          const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
          for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) wrong.push(`twice: #${{id}}`);
          for (const node of document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for]")) {{
            for (const name of ["aria-labelledby", "aria-describedby", "for"]) {{
              const ids = node.getAttribute(name)?.split(" ") ?? [];
              if (ids.some((id) => !document.getElementById(id))) wrong.push(`leads nowhere: ${{named(node)}}`);
            }}
          }}
          return wrong;
        }}"""
    )
    return found


def too_wide(page: Page) -> int:
    """Tell by how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def sure(page: Page, button: str) -> None:
    """Answer the question that is asked."""
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name=button).click()


def walked(page: Page, *, most: int = 400) -> list[str]:
    """Press Tab through all of the page; give what was not seen to have the focus, and what never got it."""
    wrong: list[str] = []
    page.evaluate(
        """() => {
          // what is shown anew meanwhile would take the focus away in the middle of a step
          document.getElementById("still")?.click();
          const start = document.createElement("span");
          start.tabIndex = -1;
          document.body.prepend(start);
          start.focus();
          window.reached = new Set();
        }"""
    )
    for _ in range(most):
        page.keyboard.press("Tab")
        said = page.evaluate(
            f"""(least) => {{
              {_COLOURS}
              const node = document.activeElement;
              if (!node || node === document.body) return "over";
              if (window.reached.has(node)) return "over";
              window.reached.add(node);
              const style = getComputedStyle(node);
              const width = parseFloat(style.outlineWidth);
              if (style.outlineStyle === "none" || width < 2) return `no outline: ${{named(node)}}`;
              const ground = behind(node.parentElement);
              const found = contrast(parsed(style.outlineColor), ground);
              return found < least ? `a faint outline, ${{found.toFixed(2)}}: ${{named(node)}}` : "";
            }}""",
            FOCUS_CONTRAST,
        )
        if said == "over":
            break
        if said:
            wrong.append(said)
    else:
        wrong.append(f"no end after {most} stops")
    left: list[str] = page.evaluate(
        f"""() => {{
          {_COLOURS}
          const fields = "input:not([type=hidden], :disabled), select, textarea";
          const reachable = `a[href], button:not(:disabled), summary, ${{fields}}`;
          return [...document.querySelectorAll(reachable)]
            .filter((node) => isSeen(node) && !window.reached.has(node) && node.tabIndex >= 0)
            // what moves by itself is shown anew: another node stands where one was that had the focus
            .filter((node) => ![...window.reached].some((gone) => !gone.isConnected && named(gone) === named(node)))
            .map((node) => `never reached: ${{named(node)}}`);
        }}"""
    )
    return wrong + left
