"""Market data for whoever asks, by a process that follows the venue's journal.

The pure part (`desk`, `seats`, `answers`) takes frames, updates and times, and gives what is to be
written; the rest are shells around it.
"""
