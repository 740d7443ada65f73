"""`tidegate sim`: run simulated worlds."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_FOUND = 1


def sim(
    seed: Annotated[
        int | None, typer.Option(help="The seed; the first of many.", show_default="1")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Run seed after seed for so long.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps of a world.", show_default="600")
    ] = None,
    shrink_it: Annotated[
        bool, typer.Option("--shrink", help="Make a failing world smaller.")
    ] = False,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Count what occurred; fail where a thing never did.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Run the whole venue, its disk and many clients in one thread, from one seed, with everything
    going wrong that can. A failing seed is printed and repeats exactly."""
    from tidegate.lab.sim.show import show_worlds  # half of all modules: for who asks for it

    passed = show_worlds(
        seed, seeds, minutes, steps, shrink_it=shrink_it, coverage=coverage, as_json=as_json
    )
    if not passed:
        raise typer.Exit(EXIT_FOUND)
