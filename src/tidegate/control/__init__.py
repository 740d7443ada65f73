"""The control socket: what an operator or a test asks a running venue to do.

A Unix socket in the data directory, for its owner alone. `protocol` says what goes over it,
`server` answers inside the venue's loop, `client` asks; each group of commands has a file.
"""
