"""Whose the reports of the log are, as files of drop copies have it."""

from __future__ import annotations

import msgspec


class Holdings(msgspec.Struct, forbid_unknown_fields=True):
    """As of a place of the log, as much as a drop copy of `firm` and `account` needs to know.
    `sessions` are the accounts of sessions by index, empty where that is not known. `accounts` are
    those whose reports it takes; `parent` is the one whose reports it takes where they name its own
    account. Never altered: a change makes another one."""

    firm: str = ""
    account: str = ""
    sessions: list[str] = []
    accounts: set[str] = set()
    parent: str = ""
