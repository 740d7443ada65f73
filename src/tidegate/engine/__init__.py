"""The Spot trading engine: book, matching, self-trade prevention, ledger. Layer 3 of the checks."""
