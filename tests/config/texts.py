"""Files with a firm, and what is wrong with them."""

from textwrap import dedent

from tidegate.config import check

FIRM = """
[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
[[firm.session]]
sender_comp_id = "ACME"
"""
PAIR = 'symbol = "XMR/USD"\nprice_decimals = 2\ntick = "0.01"\nqty_min = "0.1"\ncost_min = "0"\n'
PRODUCTION_FIRM = """
[[firm]]
name = "ACME"
[[firm.account]]
id = "ACME-1"
[[firm.key]]
name = "k"
secret = "MDEyMzQ1Njc4OWFiY2RlZg=="
[[firm.session]]
sender_comp_id = "ACME"
"""[1:]
PRODUCTION = '[venue]\nprofile = "production"\n'


def problems(text: str) -> list[tuple[int, str, str]]:
    """Line, path and rule of each problem."""
    return [(p.line, p.path, p.rule) for p in check(dedent(text))]


def only(text: str) -> tuple[int, str, str]:
    (problem,) = problems(text)
    return problem


def in_session(lines: str, head: str = "") -> list[tuple[int, str, str]]:
    """Problems of a file with one firm whose session has `lines`, from line 8 on if no `head` is
    given."""
    text = f"{head or '[venue]'}{FIRM}{lines}"
    return [(p.line, p.path, p.rule) for p in check(text)]
