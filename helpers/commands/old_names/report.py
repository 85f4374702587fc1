"""python -m helpers.report as it was called before; goes with the next version."""

from __future__ import annotations

import sys

from helpers.__main__ import main

if __name__ == "__main__":
    print("python -m helpers.report is now: python -m helpers report", file=sys.stderr)
    main(["report", *sys.argv[1:]])
