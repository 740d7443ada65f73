"""Books as the public sees them: price levels, orders, trades, and the messages that tell them."""
