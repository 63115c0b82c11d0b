"""The console script, and `python -m ltr`: an interrupt is one line, from the first one of
`main` on."""

import sys


def main() -> int:
    """Entry point of the console script."""
    try:
        from ltr.signals import loading

        with loading("ltr"):
            from ltr.cli import main as run
        return run()
    except KeyboardInterrupt:
        print("ltr: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
