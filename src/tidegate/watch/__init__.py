"""`tidegate watch`: a market in a terminal, from a market-data session as any client has one."""
