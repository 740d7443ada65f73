"""Values that every room shares: numbers, time, instruments, accounts, orders, limits, rejects."""
