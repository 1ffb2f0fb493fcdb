"""`python -m TextoMorphLib` is the `textomorph` command."""

import sys

from TextoMorphLib.cli import main

if __name__ == "__main__":
    sys.exit(main())
