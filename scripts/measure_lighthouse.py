"""Lighthouse on the built site: `python scripts/measure_lighthouse.py [PAGE ...]`; docs/lighthouse.json.

Needs node; `npx` fetches Lighthouse. As the published site is served, files are compressed. Performance
depends on what else the machine does: run it alone. Exit status 1 where accessibility is under 100 or
performance under 90.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import measure_pages as pages

LEAST = {"accessibility": 100, "performance": 90}
FIGURES = pages.ROOT / "docs" / "lighthouse.json"
LIGHTHOUSE = "lighthouse@12"
COMPRESSED = (".html", ".css", ".js", ".json", ".svg")


class Compressing(SimpleHTTPRequestHandler):
    """A file server that compresses text, as the host of the published site does."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().do_GET()
        content = gzip.compress(path.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return self.wfile.write(content)


def scores(address: str) -> dict[str, int]:
    """Scores of one page by category, out of 100."""
    program = os.environ.get("LIGHTHOUSE", f"npx -y {LIGHTHOUSE}").split()
    wanted = f"--only-categories={','.join(LEAST)}"
    flags = f"--chrome-flags=--headless=new {' '.join(pages.FLAGS)}"
    command = [*program, address, "--quiet", "--output=json", "--preset=desktop", wanted, flags]
    browser = pages.system_browser()
    env = os.environ | ({"CHROME_PATH": browser} if browser else {})
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300)
    if done.returncode:
        raise SystemExit(f"Lighthouse on {address}: {done.stderr.strip()[-600:]}")
    found = json.loads(done.stdout)["categories"]
    return {name: round(100 * found[name]["score"]) for name in LEAST}


def main(names: list[str]) -> int:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressing, directory=str(pages.SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_address[1]}/"
    figures = {}
    for name in names or pages.listed():
        figures[name] = scores(f"{home}{name}.html")
        print(f"{name:44}", figures[name], flush=True)
    server.shutdown()
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    under = [n for n, found in figures.items() if any(found[k] < v for k, v in LEAST.items())]
    return bool(under)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
