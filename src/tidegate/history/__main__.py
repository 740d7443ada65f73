"""`python -m tidegate.history`: what `tidegate up` starts to follow its journal."""

import sys

from tidegate.history.follow import main

sys.exit(main(sys.stdin.fileno()))
