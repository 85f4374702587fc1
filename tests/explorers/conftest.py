"""Pages of explorers on which nothing may go wrong."""

import pytest
from harness import Watched


@pytest.fixture
def open_page(chromium):
    """Open a file at a width; at the end nothing may have gone wrong on it."""
    opened = []

    def opener(path, *, width=1300, fragment="", expect_problems=False):
        page = chromium.new_page(viewport={"width": width, "height": 900})
        watched = Watched(page, path.parent.as_uri())
        opened.append((page, watched, expect_problems))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector(".explorer[data-mounted], .explorer[role=alert]")
        return page

    yield opener
    for page, watched, expect_problems in opened:
        page.close()
        assert expect_problems or watched.problems == []
