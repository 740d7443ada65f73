"""Asyncio shells for FIX: listeners, TLS, logon authentication, links.

The gateway holds no durable state. It knows secrets and addresses, which the core never sees, and
gives the core frames in the order of their arrival.
"""
