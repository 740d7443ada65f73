"""The line of every key, for every form in which TOML lets a key and a value be written."""

import tomllib
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config.example import example
from tidegate.config.lines import KeyPath, Lines


def paths_of(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every path of a parsed document."""
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, part in value.items():
            found |= paths_of(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            found |= paths_of(part, (*path, index))
    return found


def lines_of(text: str) -> dict[KeyPath, int]:
    """Positions found in a document, after a look that they are those of the parser's keys."""
    text = dedent(text)
    lines = Lines(text)
    assert set(lines.paths()) == paths_of(tomllib.loads(text))
    return {path: lines.line(path) for path in lines.paths()}


def test_tables_and_plain_keys() -> None:
    assert lines_of("""\
        top = 1
        # a comment [not.a.table]
        [venue]   # behind a header
        host = "x" # behind a value
          port=2

        [other.deep]
        a = true
        [other]
        b = 1979-05-27 07:32:00
        """) == {
        ("top",): 1,
        ("venue",): 3,
        ("venue", "host"): 4,
        ("venue", "port"): 5,
        ("other",): 9,
        ("other", "deep"): 7,
        ("other", "deep", "a"): 8,
        ("other", "b"): 10,
    }


def test_arrays_of_tables_count_and_nest() -> None:
    assert lines_of("""\
        [[firm]]
        name = "A"
        [[firm.session]]
        id = 1
        [[firm.session]]
        id = 2
        [firm.session.limits]
        x = 1
        [[firm]]
        [[ firm . "session" ]]
        id = 3
        """) == {
        ("firm",): 1,
        ("firm", 0): 1,
        ("firm", 0, "name"): 2,
        ("firm", 0, "session"): 3,
        ("firm", 0, "session", 0): 3,
        ("firm", 0, "session", 0, "id"): 4,
        ("firm", 0, "session", 1): 5,
        ("firm", 0, "session", 1, "id"): 6,
        ("firm", 0, "session", 1, "limits"): 7,
        ("firm", 0, "session", 1, "limits", "x"): 8,
        ("firm", 1): 9,
        ("firm", 1, "session"): 10,
        ("firm", 1, "session", 0): 10,
        ("firm", 1, "session", 0, "id"): 11,
    }


def test_dotted_and_quoted_keys() -> None:
    assert lines_of("""\
        a.b . c = 1
        a.b.d = 2
        "a.b" = 3
        'q "x"' = 4
        "tab\\tkey \\"q\\"" = 5
        "" = 6
        [fees.tiers]
        "2.5M".maker = "1"
        """) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c"): 1,
        ("a", "b", "d"): 2,
        ("a.b",): 3,
        ('q "x"',): 4,
        ('tab\tkey "q"',): 5,
        ("",): 6,
        ("fees",): 7,
        ("fees", "tiers"): 7,
        ("fees", "tiers", "2.5M"): 8,
        ("fees", "tiers", "2.5M", "maker"): 8,
    }


def test_inline_tables_and_arrays_over_many_lines() -> None:
    assert lines_of("""\
        point = { x = 1, y.z = "}", t = { u = [1, { v = 2 }] } }
        list = [ # first
          "a, ]",  # a comment, with ]

          'b',
          [1,
           2],
          { k = 1 },
        ]
        empty = []
        none = {}
        after = 1
        """) == {
        ("point",): 1,
        ("point", "x"): 1,
        ("point", "y"): 1,
        ("point", "y", "z"): 1,
        ("point", "t"): 1,
        ("point", "t", "u"): 1,
        ("point", "t", "u", 0): 1,
        ("point", "t", "u", 1): 1,
        ("point", "t", "u", 1, "v"): 1,
        ("list",): 2,
        ("list", 0): 3,
        ("list", 1): 5,
        ("list", 2): 6,
        ("list", 2, 0): 6,
        ("list", 2, 1): 7,
        ("list", 3): 8,
        ("list", 3, "k"): 8,
        ("empty",): 10,
        ("none",): 11,
        ("after",): 12,
    }


def test_strings_over_many_lines_hide_what_looks_like_keys() -> None:
    text = '''\
a = """
[not.a.table]
b = 1 \\""" # still inside
ends with two quotes"""""
b = \'\'\'
c = 1
\\\'\'\'
c = """"""
d = \'\'\'x\'\'\'\'\'
e = "\\\\"
f = "\\" # no comment"
g = '\\'
h = 1
'''
    assert lines_of(text) == {
        ("a",): 1,
        ("b",): 5,
        ("c",): 8,
        ("d",): 9,
        ("e",): 10,
        ("f",): 11,
        ("g",): 12,
        ("h",): 13,
    }


def test_windows_line_ends() -> None:
    assert lines_of("a = 1\r\n# x\r\n[b]\r\nc = [\r\n1,\r\n]\r\nd = 2\r\n") == {
        ("a",): 1,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "c", 0): 5,
        ("b", "d"): 7,
    }


def test_no_newline_at_the_end_and_the_empty_text() -> None:
    assert lines_of("a = 1") == {("a",): 1}
    assert lines_of("a = 1 # x") == {("a",): 1}
    assert lines_of("") == {}
    assert lines_of("[a]") == {("a",): 1}


def test_a_missing_key_has_the_line_of_its_table() -> None:
    lines = Lines("\n[venue]\n[[firm]]\n[[firm]]\n")
    assert lines.line(("venue", "host")) == 2
    assert lines.line(("firm", 1, "session", 3, "x")) == 4
    assert lines.line(("nothing",)) == 1
    assert not lines.given(("venue", "host"))
    assert lines.given(("venue",))


@pytest.mark.parametrize("text", ["a", "[", "[[a", "a = [", "a = {", 'a = "', "= 1", "a = \n", "]"])
def test_a_text_that_is_not_toml_does_no_harm(text: str) -> None:
    assert Lines("good = 1\n" + text).line(("good",)) == 1


def test_deep_nesting_keeps_what_was_found() -> None:
    assert Lines("good = 1\nbad = " + "[" * 100_000).line(("good",)) == 1


def test_every_path_of_the_example_is_found() -> None:
    assert lines_of(example())


_KEYS = st.sampled_from(["a", "b-1", '"q.x"', "'l'", '"\\u00e9"', "a . b", "c.'d'"])
_SPACE = st.sampled_from(["", " ", "\t"])
_BREAK = st.sampled_from(["", " ", "\n", " # , ] }\n"])
_SCALARS = st.sampled_from(
    ["1", "-1.5e3", "true", "07:32:00", "1979-05-27 07:32:00Z", '"x # ]"', "'}'", '"""\n"x\n"""']
)


def _arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.tuples(_BREAK, values, _BREAK).map("".join)
    return st.lists(item, max_size=3).map(lambda items: f"[{','.join(items)}]")


def _inline_tables(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(_SPACE, _KEYS, _SPACE, st.just("="), _SPACE, values, _SPACE).map("".join)
    return st.lists(pair, max_size=3).map(lambda pairs: f"{{{','.join(pairs)}}}")


_VALUES = st.recursive(_SCALARS, lambda inner: _arrays(inner) | _inline_tables(inner), max_leaves=6)
_STATEMENTS = st.one_of(
    st.tuples(_KEYS, _VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    _KEYS.map(lambda key: f"[{key}]"),
    _KEYS.map(lambda key: f"[[{key}]]"),
    st.sampled_from(["", "# x = 1"]),
)


@given(st.lists(_STATEMENTS, max_size=8))
def test_paths_are_those_of_the_parser(statements: list[str]) -> None:
    text = "\n".join(statements)
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(Lines(text).paths()) == paths_of(parsed)
