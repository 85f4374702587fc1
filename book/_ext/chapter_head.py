"""What stands under the title of each notebook: Colab, the file itself, what it costs, its contents.

The time to run is that of this build; the time to compute results anew is read from data/costs.json
(scripts/measure_costs.py). `{colab}` is the same address as a role: {colab}`words <chapters/NAME>`.
"""

import html
import json
import re
from pathlib import Path

from docutils import nodes

COLAB = "https://colab.research.google.com/github"
COSTS = Path(__file__).resolve().parents[2] / "data" / "costs.json"
READS = re.compile(r"results\(\s*PAIR,([^)]*)\)")  # of a chapter's source: the findings it reads
EXPLORER = "application/vnd.jupyter.widget-view+json"
PLAY = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 1.5v13l11-6.5z"/></svg>'
PAPER = (
    '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3 1h7l3 3v11H3z M5 6h6v1.3H5z '
    'M5 8.6h6v1.3H5z M5 11.2h4v1.3H5z" fill-rule="evenodd"/></svg>'
)


def colab(app, source):
    """Address that opens a notebook of the repository (`chapters/NAME`, no suffix) on Colab."""
    theme = app.config.html_theme_options
    repository = theme["repository_url"].removeprefix("https://github.com")
    folder, branch = theme["path_to_docs"], theme["repository_branch"]
    return f"{COLAB}{repository}/blob/{branch}/{folder}/{source}.ipynb"


def duration(seconds):
    if seconds < 90:
        return f"{max(seconds, 1):.0f}\u00a0seconds"
    minutes = seconds / 60
    return f"{minutes:.0f}\u00a0minutes" if minutes < 90 else f"{minutes / 60:.1f}\u00a0hours"


def cost(app, docname):
    """What running costs, in sentences: the notebook, and the results that it reads."""
    said = []
    ran = (getattr(app.env, "nb_metadata", {}).get(docname, {}).get("exec_data") or {}).get(
        "runtime"
    )
    if ran:
        said.append(f"Running this notebook took {duration(ran)} when the page was built: it reads "
                    "stored results.")  # fmt: skip
    source = json.loads(Path(app.env.doc2path(docname)).read_text(encoding="utf-8"))
    code = "\n".join("".join(c["source"]) for c in source["cells"] if c["cell_type"] == "code")
    findings = {name for found in READS.findall(code) for name in re.findall(r'"(\w+)"', found)}
    if COSTS.exists():
        table = json.loads(COSTS.read_text(encoding="utf-8"))
        known = {name: table["seconds"][name] for name in sorted(findings & set(table["seconds"]))}
        each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in known.items())
        if each:
            said.append(f"Computing them anew takes about {duration(sum(known.values()))} on "
                        f"{table['machine']} ({each}).")  # fmt: skip
    pair = "<code>python -m helpers compute --pair NAME --dry-run</code>"
    return " ".join([*said, f"For another pair, {pair} says it first."])


def head(app, docname, contents):
    up = "../" * docname.count("/")
    box = "<details><summary>{}</summary><div>{}</div></details>".format
    parts = [
        f'<a class="door" href="{colab(app, docname)}">{PLAY}Run on Colab</a>',
        f'<a class="door" href="{up}_sources/{docname}.ipynb" download>{PAPER}Open as notebook</a>',
        box("What it costs to run", cost(app, docname)),
        f'<a href="{up}intro.html#how-to-read-the-numbers">How to read the numbers</a>',
    ]
    if contents:
        parts.append(box("On this page", f'<nav aria-label="On this page">{contents}</nav>'))
    return f'<div class="chapter-head d-print-none">{"".join(parts)}</div>'


def add_head(app, pagename, templatename, context, doctree):
    if doctree is None or not str(app.env.doc2path(pagename)).endswith(".ipynb"):
        return
    contents = re.search(r"<ul>\s*<li>.*?(<ul>.*</ul>)\s*</li>", context.get("toc", ""), re.S)
    words = head(app, pagename, contents.group(1) if contents else "")
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{words}", 1)


def colab_role(name, rawtext, text, lineno, inliner, options=None, content=None):
    words, source = re.fullmatch(r"(.*?)\s*<(.*)>", text, re.S).groups()
    address = colab(inliner.document.settings.env.app, source)
    return [nodes.reference(rawtext, html.unescape(words), refuri=address)], []


def setup(app):
    app.add_role("colab", colab_role)
    app.connect("html-page-context", add_head, priority=800)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
