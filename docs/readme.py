"""Renew what the README shows of the book: `python docs/readme.py` after a build.

The four sentences are the intro's (`helpers.findings.survived`); the picture is the intro's explorer.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README, PICTURE = ROOT / "README.md", ROOT / "docs" / "explorer.png"
FOUND = re.compile(r"(?<=\| --- \| --- \| --- \|\n)(?:\|.*\|\n)+")
LOOKED = re.compile(r"^\| \[([^\]]+)\]\((chapters/[\w-]+)\) \| .*found_(\d)", re.M)


def table() -> str:
    """The intro's rows, with their sentences filled in."""
    from helpers.findings.survived import sentence, sure

    rows = LOOKED.findall((ROOT / "book" / "intro.md").read_text(encoding="utf-8"))
    return "".join(f"| {where} | {sentence(int(n))} | {sure(int(n))} |\n" for where, _, n in rows)


def take_picture(site: Path) -> None:
    """The explorer of the intro, after tuning, at twice the pixels."""
    sys.path.append(str(ROOT / "scripts"))
    import measure_pages as pages
    from playwright.sync_api import sync_playwright

    host = pages.Host(site)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=pages.system_browser(), args=pages.FLAGS
        )
        page = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=2)
        page.goto(f"{host.home}intro.html")
        explorer = page.locator(".explorer[data-mounted]").first
        explorer.locator("input[type=range]").press("End")
        explorer.screenshot(path=PICTURE)
        browser.close()
    host.shutdown()


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(FOUND.sub(lambda _: table(), text, count=1), encoding="utf-8")
    take_picture(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "book" / "_build" / "html")
