"""Market data for whoever asks, and drop copies, by a process that follows the venue's journal.

The pure part (`lines`, `desk`, `seats`, `answers`, `dropcopy.desk`) takes frames, updates and
times, and gives what is to be written; the rest are shells around it.
"""
