"""Every page of the built site, read without a browser: links and anchors, and what a shared link shows."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from build import ROOT, SITE
from PIL import Image

pytestmark = pytest.mark.xdist_group("site")
HOME = "http://site.invalid/"
POINTING = ("href", "src", "data-src", "poster", "data", "action", "xlink:href")
STATE = re.compile(r"(^|&)[a-z]+\.[A-Za-z]+=")  # an explorer's state, not an anchor


class Page(HTMLParser):
    """What a page points at, its anchors and its meta tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.anchors, self.meta, self.ids = set(), {"", "top"}, {}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        if "id" in given:
            self.ids.append(given["id"])
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "meta":
            self.meta[given.get("property") or given.get("name")] = given.get("content")
            return
        self.links |= {given[name] for name in POINTING if given.get(name)}
        sources = (part.split()[0] for part in given.get("srcset", "").split(",") if part.strip())
        self.links |= set(sources)


@cache
def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pages(site):
    found = sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)
    assert len(found) > 10
    return found


def target(link: str, page: Path) -> tuple[Path, str] | None:
    """File and anchor that a link of a page leads to; None for what leaves the site."""
    whole = urlsplit(urljoin(HOME + page.relative_to(SITE).as_posix(), link))
    if not whole.geturl().startswith(HOME):
        return None
    path = SITE / unquote(whole.path).lstrip("/")
    return (path / "index.html" if path.is_dir() else path), unquote(whole.fragment)


def test_every_link_and_every_anchor_of_every_page_leads_somewhere(pages):
    followed, broken = 0, []
    for page in pages:
        for link in read(page).links:
            if (found := target(link, page)) is None:
                continue
            followed, (file, anchor) = followed + 1, found
            if not file.is_file():
                broken.append(f"{page.relative_to(SITE)}: {link}")
            elif anchor and file.suffix == ".html" and not STATE.search(anchor):
                if anchor not in read(file).anchors:
                    broken.append(f"{page.relative_to(SITE)}: {link} (no such anchor)")
    assert sorted(broken) == [] and followed > 20 * len(pages)


def test_files_that_style_sheets_ask_for_are_there(pages):
    missing = []
    for sheet in SITE.rglob("*.css"):
        for link in re.findall(r"url\(\s*['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8")):
            found = None if link.startswith(("data:", "#")) else target(link, sheet)
            if found and not found[0].is_file():
                missing.append(f"{sheet.relative_to(SITE)}: {link}")
    assert missing == []


def test_no_page_loads_anything_from_another_host(pages):
    foreign = []
    for page in pages:
        loaded = re.findall(
            r"<(?:script|img|iframe|link(?![^>]*rel=\"(?:canonical|license)\"))[^>]*?"
            r"(?:src|href)=\"(https?://[^\"]+)", page.read_text(encoding="utf-8"))  # fmt: skip
        foreign += [f"{page.relative_to(SITE)}: {address}" for address in loaded]
    assert foreign == []


def test_a_shared_link_shows_title_words_and_picture_of_each_page(pages):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    address = config["html"]["baseurl"]
    listed = re.findall(r"(?:root|file): (\S+)", (ROOT / "book" / "_toc.yml").read_text("utf-8"))
    seen = {}
    for name in listed:
        meta = read(SITE / f"{name}.html").meta
        assert meta["og:url"] == f"{address}{name}.html" and meta["og:site_name"] == config["title"]
        assert meta["og:image"].startswith(address) and meta["og:image:alt"]
        assert (SITE / meta["og:image"].removeprefix(address)).is_file()
        assert meta["twitter:card"] == "summary_large_image"
        assert len(meta["og:description"]) > 40 and meta["description"] == meta["og:description"]
        assert not re.search(r"glue:|[a-z][+−-]\d|\s{2}", meta["og:description"])
        seen[name] = meta["og:title"]
    assert len(set(seen.values())) == len(listed)


def test_the_picture_of_shared_links_has_the_shape_that_they_ask_for(site):
    with Image.open(SITE / "_static" / "social-card.png") as card:
        assert card.size == (1200, 630)
    assert (SITE / "_static" / "social-card.png").stat().st_size < 300_000
