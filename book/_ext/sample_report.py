"""Put the report of the book's own pair beside the pages: `report.html`, which an appendix links to.

It is written once a build folder; `tests/site/build.py` empties that when the package or the data change.
"""

from pathlib import Path

PAIR = "gemma-3-270m"


def write_report(app, exception):
    target = Path(app.outdir) / "report.html"
    if exception or app.builder.format != "html" or target.exists():
        return
    from helpers.commands import report
    from helpers.store.store import open_store

    report.write(open_store(PAIR), target)


def setup(app):
    app.connect("build-finished", write_report, priority=960)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
