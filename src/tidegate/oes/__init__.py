"""The order entry service: account, permission, ClOrdID, instrument, precision, limits. Layer 2."""
