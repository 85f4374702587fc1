"""Leave out what the theme loads and no page uses.

- sphinx-thebe declares a global in a script that is included twice, which is an error on every page;
- Font Awesome's script (1.5 MB) draws the icons that its style sheet draws already;
- KaTeX is for pages that have a formula;
- two explorers of a page that share a module or a style sheet hold it once (mount.js puts it back);
- no script holds up the page: they run in their order when it stands (one excepted, read at once).

And tell the cards of shared links the site's address and name, and each page's first words.
"""

import html
import json
import re
import textwrap
from pathlib import Path

from docutils import nodes

OUTPUT = '<div class="cell_output docutils container"'
# What scrolls can be reached by keyboard; a list of citations has no list items.
MENDED = {
    f"{OUTPUT}>\n<img": f'{OUTPUT} tabindex="0">\n<img',
    '<table border="1" class="dataframe">': '<table border="1" class="dataframe" tabindex="0">',
    '<table id="T_': '<table tabindex="0" id="T_',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}
FORMULAS = re.compile(
    r"\s*<(?:script|link)[^>]*(?:katex|auto-render)[^>]*?(?:></script>|/?>)", re.IGNORECASE
)
STATE = re.compile(r"(<script[^>]*widget-state\+json[^>]*>)(.*?)(</script>)", re.DOTALL)
AT_ONCE = re.compile(
    r'<script(?=[^>]*\ssrc=")(?![^>]*\s(?:defer|async)\b)(?![^>]*documentation_options)'
)
UNUSED = ("fontawesome.js", "sphinx-thebe", "thebe")


def leave_out(app, pagename, templatename, context, doctree):
    scripts = context.get("script_files", [])
    context["script_files"] = [s for s in scripts if not any(name in str(s) for name in UNUSED)]


def share_modules(match):
    """The widget state of a page, in which equal modules and styles stand once."""
    whole, owners = json.loads(match.group(2)), {}
    for name, entry in whole["state"].items():
        for key in ("_esm", "_css"):
            held = entry["state"].get(key)
            if isinstance(held, str) and owners.setdefault(held, name) != name:
                entry["state"][key] = {"same_as": owners[held]}
    return f"{match.group(1)}{json.dumps(whole).replace('</', '<' + chr(92) + '/')}{match.group(3)}"


def strip_tags(app, exception):
    """The theme's templates name Font Awesome's script themselves: remove the tag from each page."""
    if exception or app.builder.format != "html":
        return
    tag = re.compile(
        r"\s*<script[^>]*x-thebe-config[^>]*>[^<]*</script>|"
        r"\s*<(?:script|link)[^>]*(?:fontawesome\.js|/fontawesome/[^>]*?all\.min\.js|thebe)[^>]*?(?:></script>|/?>)|<script>[^<]*THEBE_JS_URL[^<]*</script>"
    )
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = STATE.sub(share_modules, AT_ONCE.sub("<script defer", tag.sub("", text)))
        if 'class="math' not in text:
            text = FORMULAS.sub("", text)
        for found, better in MENDED.items():
            text = text.replace(found, better)
        page.write_text(text, encoding="utf-8")


def know_the_address(app, config):
    config.ogp_site_url, config.ogp_site_name = config.html_baseurl, config.html_title


def describe(app, pagename, templatename, context, doctree):
    """The first paragraph as it reads, with the numbers in it (sphinxext.opengraph drops spaces)."""
    paragraph = next(doctree.findall(nodes.paragraph), None) if doctree else None
    if paragraph is not None:
        words = textwrap.shorten(" ".join(paragraph.astext().split()), 200, placeholder=" …")
        context["meta"] = (context.get("meta") or {}) | {"og:description": html.escape(words)}
        context["metatags"] += f'<meta name="description" content="{html.escape(words)}" />\n'


def setup(app):
    app.connect("config-inited", know_the_address)
    app.connect("html-page-context", describe, priority=400)
    app.connect("html-page-context", leave_out, priority=900)
    app.connect("build-finished", strip_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
