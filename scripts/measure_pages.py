"""Measure the built site as a reader meets it: `python scripts/measure_pages.py [FOLDER]`.

A real browser, cut off from the network, opens every page that `book/_toc.yml` lists, and turns it to both
themes and to 1300 and 390 pixels. Printed, a line a page: screens at 1300 px, where the first picture and
the first explorer stand (in screens), numbers in the first screen, open tables, visible code cells,
megabytes sent (text compressed, as by the published site's host), pixels that scroll sideways. The budgets
of a chapter are `BUDGETS`; a page over one is named, and the exit status is 1. `--json FILE` keeps the
figures; `--pages NAME ...` measures some pages.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import shutil
import sys
import threading
from contextlib import suppress
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "book" / "_build" / "html"
WIDE, NARROW, HIGH = 1300, 390, 900
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# The most that a chapter may have; other pages have their weight and their width alone.
BUDGETS = {
    "screens": 8.0, "picture": 1.0, "explorer": 1.2, "numbers": 6, "tables": 3, "code": 5,
    "megabytes": 1.5, "sideways": 0,
}  # fmt: skip
OWN = {  # budgets of single pages, and of the others
    "chapters/04-ffn-knowledge-rotation": {"megabytes": 1.8},
    "intro": {"picture": 99.0, "explorer": 0.5, "code": 0},
    "": {name: float("inf") for name in BUDGETS} | {"megabytes": 2.5, "sideways": 0},
}
COMPRESSED = (".html", ".css", ".js", ".json", ".svg")
LEAST_CODE = 3  # teaching cells that stay in view
OVERVIEWS = ("chapters/what-survived",)  # a table of verdicts, with little code

MEASURE = """([high]) => {
  const article = document.querySelector("article");
  const top = (one) => one.getBoundingClientRect().top + scrollY;
  const seen = (one) => one.checkVisibility({ visibilityProperty: true })
    && one.getClientRects().length > 0 && !one.closest("details:not([open]) > :not(summary)");
  const first = (what) => Math.min(...[...article.querySelectorAll(what)].filter(seen).map(top), Infinity);
  const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  let words = "";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const box = node.parentElement;
    const aside = "option, script, style, svg, code, pre, th, .headerlink, .chapter-head";
    if (!seen(box) || box.closest(aside)) {
      continue;
    }
    const range = document.createRange();
    range.selectNodeContents(node);
    const at = range.getBoundingClientRect();
    if (at.height && at.top + scrollY < high) words += ` ${node.textContent}`;
  }
  const code = [...article.querySelectorAll(".cell_input")].filter(seen);
  return {
    height: article.getBoundingClientRect().height,
    picture: first(".cell_output img, figure img, .explorer svg, .explorer"),
    explorer: first(".explorer[data-mounted]"),
    words,
    tables: [...article.querySelectorAll("table")].filter((one) => seen(one) && !one.closest(".ex")).length,
    code: code.length,
  };
}"""


class Host(ThreadingHTTPServer):
    """Serves a folder as the host of the published site does, text compressed; `sent` counts bytes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Compressing, directory=str(folder)))
        self.sent, self.home = 0, f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@cache
def _as_sent(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.compress(content) if path.suffix in COMPRESSED else content


class _Compressing(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return super().do_GET()
        content, packed = _as_sent(path), path.suffix in COMPRESSED
        self.server.sent += len(content)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Length", str(len(content)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        return self.wfile.write(content)


def system_browser() -> str | None:
    """A browser of this machine; None lets playwright use its own."""
    return next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)


def open_page(browser: Browser, home: str, name: str, width: int, theme: str):
    """The page, settled; other hosts are not asked."""
    context = browser.new_context(viewport={"width": width, "height": HIGH}, color_scheme=theme)
    page = context.new_page()
    page.route("**/*", lambda r: r.continue_() if r.request.url.startswith((home, "blob:", "data:"))
               else r.abort())  # fmt: skip
    page.goto(f"{home}{name}.html", wait_until="networkidle")
    if page.locator("script[type*=widget-view]").count():
        page.locator(".explorer[data-mounted], .explorer[role=alert]").first.wait_for()
        page.wait_for_timeout(400)
    return page


def numbers(words: str) -> int:
    """Results in a text: numbers, without those of a name or an interval's level (nor those of an axis)."""
    words = re.sub(
        r"95\s%|\b(?:19|20)\d\d\b|\b\d+[BM]\b|arXiv \S+|chapters? \d(?: to \d)?", " ", words
    )
    return len(re.findall(r"(?<![\w.])[+−-]?\d+(?:[.,]\d+)*", words))


def measure(browser: Browser, host: Host, name: str) -> dict[str, float]:
    """The figures of one page: those at 1300 px in light, and the worst sideways scroll of four views."""
    host.sent, sideways = 0, 0
    page = open_page(browser, host.home, name, WIDE, "light")
    at, sent = page.evaluate(MEASURE, [HIGH]), host.sent
    for theme, width in product(("light", "dark"), (WIDE, NARROW)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": HIGH})
        with suppress(TimeoutError):  # explorers draw anew
            fits = "width => document.documentElement.scrollWidth <= width"
            page.wait_for_function(fits, arg=width, timeout=3000)
        over = page.evaluate("document.documentElement.scrollWidth") - width
        sideways = max(sideways, over)
    page.context.close()
    return {
        "screens": round(at["height"] / HIGH, 1),
        "picture": round(at["picture"] / HIGH, 2),
        "explorer": round(at["explorer"] / HIGH, 2),
        "numbers": numbers(at["words"]),
        "tables": at["tables"],
        "code": at["code"],
        "megabytes": round(sent / 1e6, 2),
        "sideways": sideways,
    }


def missed(name: str, found: dict[str, float]) -> list[str]:
    """What is over budget, in words."""
    chapter = name.startswith("chapters/") or name == "intro"
    budget = BUDGETS | ({} if chapter else OWN[""]) | OWN.get(name, {})
    said = [
        f"{key} {found[key]} (at most {most})" for key, most in budget.items() if found[key] > most
    ]
    if name.startswith("chapters/") and name not in OVERVIEWS and found["code"] < LEAST_CODE:
        said.append(f"code {found['code']} (at least {LEAST_CODE})")
    return said


def listed() -> list[str]:
    text = (ROOT / "book" / "_toc.yml").read_text(encoding="utf-8")
    return re.findall(r"(?:root|file): (\S+)", text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=SITE)
    parser.add_argument("--pages", nargs="*", default=None, help="names as in book/_toc.yml")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args(arguments)
    host, figures, over = Host(given.folder), {}, {}
    print(f"{'page':44}" + "".join(f"{key:>11}" for key in BUDGETS))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_browser(), args=FLAGS)
        for name in given.pages or listed():
            figures[name] = found = measure(browser, host, name)
            over |= {name: said} if (said := missed(name, found)) else {}
            print(f"{name:44}" + "".join(f"{found[key]:>11g}" for key in BUDGETS), flush=True)
        browser.close()
    host.shutdown()
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for name, said in over.items():
        print(f"{name}: {'; '.join(said)}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
