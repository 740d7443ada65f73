"""`python -m tidegate.liquidity`: what `tidegate up` starts to make markets."""

import sys

from tidegate.liquidity.process import main

sys.exit(main(sys.stdin.fileno()))
