"""Lighthouse on the built site: `python scripts/measure_lighthouse.py [PAGE ...]`; docs/lighthouse.json.

Needs node; `npx` fetches Lighthouse. As the published site is served, files are compressed. Performance
depends on what else the machine does: run it alone. Exit status 1 where accessibility is under 100 or
performance under 90.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import measure_pages as pages

LEAST = {"accessibility": 100, "performance": 90}
FIGURES = pages.ROOT / "docs" / "lighthouse.json"
LIGHTHOUSE = "lighthouse@12"


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
    host, figures = pages.Host(pages.SITE), {}
    for name in names or pages.listed():
        figures[name] = scores(f"{host.home}{name}.html")
        print(f"{name:44}", figures[name], flush=True)
    host.shutdown()
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    under = [n for n, found in figures.items() if any(found[k] < v for k, v in LEAST.items())]
    return bool(under)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
