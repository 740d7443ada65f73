"""`docs/liquidity.md` says of the profiles what they are."""

from pathlib import Path

from tidegate.config.liquidity import PROFILES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "liquidity.md").read_text()


def test_the_table_of_profiles_is_that_of_the_code() -> None:
    rows = {}
    for line in TEXT.splitlines():
        if line.startswith("| `") and line.count("|") == 9:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[cells[0].split("`")[1]] = cells[1:]
    assert list(rows) == list(PROFILES)
    for name, profile in PROFILES.items():
        percents = [profile.spread_ppm, profile.gap_ppm, profile.step_ppm]
        shown = [f"{ppm / 10_000:g} %" for ppm in percents] if profile.levels else [""] * 3
        varying = f"{profile.size_spread_percent} %" if profile.levels else ""
        assert rows[name] == [
            str(profile.levels),
            *shown,
            f"{profile.interval_ms / 1000:g} s",
            str(profile.trades_per_minute),
            varying,
        ]
