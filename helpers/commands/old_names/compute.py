"""python -m helpers.compute as it was called before; goes with the next version."""

from __future__ import annotations

import sys

from helpers.__main__ import main

if __name__ == "__main__":
    print("python -m helpers.compute is now: python -m helpers compute", file=sys.stderr)
    main(["compute", *sys.argv[1:]])
