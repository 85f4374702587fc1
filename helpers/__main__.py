"""python -m helpers COMMAND: what there is to do, or one of it."""

from __future__ import annotations

import importlib
import shlex
import sys

from helpers import Mendable

COMMANDS = {
    "compute": "fill the store of a pair: of the registry, or your own two models",
    "report": "one HTML file on a pair, from what its store holds",
    "tune": "instruction-tune a base model on rows of your own",
    "pairs": "the registry, and what fits on this machine",
    "released": "re-analyse the matrices that the paper's authors released",
    "recheck": "compute parts of a store anew and compare",
}


def usage() -> str:
    lines = [f"  {name:10}{what}" for name, what in COMMANDS.items()]
    own = ("compute --base X --tuned Y --name mine", "report --pair mine")
    return "\n".join(
        [
            "python -m helpers COMMAND (each with --help):",
            *lines,
            "",
            "A pair of your own:",
            *(f"  python -m helpers {one}" for one in own),
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return
    if given[0] not in COMMANDS:
        raise SystemExit(f"{given[0]!r} is no command.\n\n{usage()}")
    try:  # importing torch takes seconds, in which one may change one's mind
        importlib.import_module(f"helpers.commands.{given[0]}").main(given[1:])
    except Mendable as error:
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        print(f"\nStopped. To go on: python -m helpers {shlex.join(given)}", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
