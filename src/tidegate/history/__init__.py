"""History to query: a projection of the journal into tables, made behind the trading path."""
