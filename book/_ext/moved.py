"""Old addresses still land: a small page at each, which goes on to where its content is now.

`moved_pages` of the configuration: old page -> {"": new page, "old-anchor": "new page#anchor", ...}.
A fragment that is not listed (an explorer's state, say) is taken along. An anchor that is not there
fails the build.
"""

import html
import json
from pathlib import Path

from sphinx.util import logging

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Moved</title>
<link rel="canonical" href="{first}"><meta name="robots" content="noindex">
<script>
const moved = {moved}, old = location.hash.slice(1);
location.replace(Object.hasOwn(moved, old) ? moved[old] : moved[""].split("#")[0] + location.hash);
</script>
<noscript><meta http-equiv="refresh" content="0; url={first}"></noscript></head>
<body><p>This page is now <a href="{first}">here</a>.</p></body></html>
"""


def address(old, new):
    """The new page, and its anchor, as seen from the old page."""
    page, sign, anchor = new.partition("#")
    return f"{'../' * old.count('/')}{page}.html{sign}{anchor}"


def leads_somewhere(folder, new):
    page, _, anchor = new.partition("#")
    path = folder / f"{page}.html"
    return path.exists() and (not anchor or f'id="{anchor}"' in path.read_text(encoding="utf-8"))


def write_pages(app, exception):
    if exception or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    for old, places in app.config.moved_pages.items():
        for new in places.values():
            if not leads_somewhere(folder, new):
                logging.getLogger(__name__).warning("%s moved to %s, which is not there", old, new)
        moved = {anchor: address(old, new) for anchor, new in places.items()}
        path = folder / f"{old}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        words = json.dumps(moved).replace("</", "<\\/")
        path.write_text(PAGE.format(first=html.escape(moved[""]), moved=words), encoding="utf-8")


def setup(app):
    app.add_config_value("moved_pages", {}, "env")
    app.connect("build-finished", write_pages, priority=940)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
