"""``python -m ropeinterp`` is the command ``ropeinterp``."""

import sys

from ropeinterp.cli import main

if __name__ == "__main__":
    sys.exit(main())
