"""A real Chromium, cut off from the network, showing explorers as the published page does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipywidgets.embed import dependency_state
from playwright.sync_api import Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium_path() -> str | None:
    """A system browser; None lets Playwright use its own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


class Watched:
    """What went wrong on a page: console errors, failed requests, requests to other hosts."""

    def __init__(self, page: Page, home: str) -> None:
        self.problems: list[str] = []
        page.on(
            "console", lambda m: m.type == "error" and self.problems.append(f"console: {m.text}")
        )
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("response", lambda r: r.ok or self.problems.append(f"{r.status}: {r.url}"))
        page.on("requestfailed", lambda r: self.left(r) or self.problems.append(f"failed: {r.url}"))

        def guard(route):
            if route.request.url.startswith(home) or route.request.url.startswith(
                ("blob:", "data:")
            ):
                route.continue_()
            else:
                self.problems.append(f"foreign: {route.request.url}")
                route.abort()

        page.route("**/*", guard)

    @staticmethod
    def left(request: Request) -> bool:
        """Whether a page was left for another before it had loaded, as an old address leaves itself.

        A page that cannot be had at all makes `goto` raise.
        """
        return request.is_navigation_request() and request.failure == "net::ERR_ABORTED"


@contextmanager
def browser() -> Iterator:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield started
        started.close()


def put(page: Page, label: str, value) -> None:
    """Move a slider, shown or folded away, as a reader would."""
    page.get_by_label(label).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(value),
    )


def unfold(page: Page) -> None:
    """Open all that is folded away, as on a telephone, and wait until pictures fit their width."""
    page.evaluate("document.querySelectorAll('.ex details').forEach((d) => { d.open = true; })")
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def saved(page: Page, button: str) -> bytes:
    """What one of the buttons below an explorer saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=button).click()
    return waiting.value.path().read_bytes()


def widget_page(
    folder: Path, widget, *, theme: str = "light", views: int = 1, above: str = ""
) -> Path:
    """A page that holds a widget's state as Jupyter Book writes it, and the site's own script."""
    state = {
        "version_major": 2,
        "version_minor": 0,
        "state": dependency_state([widget], drop_defaults=False),
    }
    view = json.dumps({"model_id": widget.model_id, "version_major": 2, "version_minor": 0})
    embed = json.dumps(state).replace("</", "<\\/")
    kind = "application/vnd.jupyter.widget"
    script = (ROOT / "helpers" / "pages" / "mount.js").read_text(encoding="utf-8")
    (folder / "mount.js").write_text(script, encoding="utf-8")
    parts = [
        f'<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><title>An explorer</title>',
        "<style>html[data-theme=dark]{background:#14181e;color:#eee}body{margin:8px}</style>",
        '<script src="mount.js"></script><script src="mount.js"></script></head><body><main>',
        f"<h1>An explorer</h1>{above}",
        *[f'<script type="{kind}-view+json">{view}</script>'] * views,
        f'<script type="{kind}-state+json">{embed}</script></main></body></html>',
    ]
    path = folder / "page.html"
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
