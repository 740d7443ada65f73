"""`python -m tidegate.feeds`: what `tidegate up` starts to serve market data and drop copies."""

import sys

from tidegate.feeds.process import main

sys.exit(main(sys.stdin.fileno()))
