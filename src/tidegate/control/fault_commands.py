"""`fault-*`: faults on demand. For venues of the uat profile; others refuse."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from tidegate.config.rules_faults import ALL_SESSIONS, FaultRefused, read_fault
from tidegate.control.protocol import ControlError, Handler, NoParameters, parameters_of
from tidegate.lab.fault import Fault, Injection
from tidegate.lab.faults import FaultPlan

PRODUCTION: str = "faults are for the uat profile: this venue runs with the production profile"


class ClearParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`id` is one fault's; all without."""

    id: int | None = None


class ReleaseParameters(Struct, forbid_unknown_fields=True, kw_only=True):
    """`session` is a SenderCompID (49), or `*`."""

    session: str = ALL_SESSIONS


def fault_commands(plan: FaultPlan | None) -> dict[str, Handler]:
    """The commands about faults; `plan` is None for a venue that injects none."""

    def plan_of_uat() -> FaultPlan:
        if plan is None:
            raise ControlError(PRODUCTION)
        return plan

    async def add(given: dict[str, Any]) -> dict[str, Any]:
        faults = plan_of_uat()
        try:
            fault = faults.add(read_fault(given))
        except FaultRefused as error:
            raise ControlError(str(error)) from None
        await faults.settled()
        return _described(fault)

    async def show(given: dict[str, Any]) -> list[dict[str, Any]]:
        parameters_of(given, NoParameters)
        return [_described(fault) for fault in plan_of_uat().faults.values()]

    async def clear(given: dict[str, Any]) -> list[dict[str, Any]]:
        number = parameters_of(given, ClearParameters).id
        faults = plan_of_uat()
        try:
            cleared = faults.clear(number)
        except FaultRefused as error:
            raise ControlError(str(error)) from None
        await faults.settled()
        return [_described(fault) for fault in cleared]

    async def release(given: dict[str, Any]) -> dict[str, Any]:
        session = parameters_of(given, ReleaseParameters).session
        try:
            return {"released": plan_of_uat().release(session)}
        except FaultRefused as error:
            raise ControlError(str(error)) from None

    async def history(given: dict[str, Any]) -> list[dict[str, Any]]:
        parameters_of(given, NoParameters)
        return [_told(injection) for injection in plan_of_uat().history]

    return {
        "fault-add": add,
        "fault-list": show,
        "fault-clear": clear,
        "fault-release": release,
        "fault-history": history,
    }


def _described(fault: Fault) -> dict[str, Any]:
    """A fault, by stable names; `remaining` None is without end."""
    given = fault.table.given()
    return {
        "id": fault.number,
        "kind": given.pop("kind"),
        "session": given.pop("session"),
        "trigger": fault.table.trigger,
        "seed": fault.seed,
        "injected": fault.injected,
        "remaining": fault.remaining,
        "parameters": given,
    }


def _told(injection: Injection) -> dict[str, Any]:
    return dict(msgspec.to_builtins(injection))
