"""The routes under /_control/: what Gcore does not have."""

import dataclasses
from datetime import datetime
from typing import Any, Final

from gcore.simulator.files import ODDITIES
from gcore.simulator.state import Fault, Knobs, State
from gcore.simulator.wire import Answer, Refusal, Request, Route, said


def look(state: State, request: Request) -> Answer:
    calls = [f"{call.method} {call.path}" for call in state.calls]
    faults = [dataclasses.asdict(fault) for fault in state.faults]
    knobs = dataclasses.asdict(state.knobs)
    tasks = {task.id: task.outcome for task in state.tasks.values()}
    shown = {"now": state.moment(), "knobs": knobs, "faults": faults, "tasks": tasks, "calls": calls}
    return said(shown)


def reset(state: State, request: Request) -> Answer:
    state.reset()
    return Answer(204)


def turn(state: State, request: Request) -> Answer:
    changes = request.json()
    _check_names(Knobs, changes)
    if unknown := set(changes.get("oddities", ())) - ODDITIES.keys():
        raise Refusal(400, {"message": f"Unknown oddities: {sorted(unknown)}; there are {list(ODDITIES)}."})
    state.set_knobs(**changes)
    return Answer(204)


def clock(state: State, request: Request) -> Answer:
    """`{"now": "2026-11-01T00:00:00+00:00"}` or `{"advance": seconds}`."""
    body = request.json()
    try:
        if "now" in body:
            state.set_clock(datetime.fromisoformat(body["now"]))
        else:
            state.shift += float(body["advance"])
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, {"message": 'Give {"now": ISO 8601} or {"advance": seconds}.'}) from error
    return said({"now": state.moment()})


def fault(state: State, request: Request) -> Answer:
    fields = request.json()
    _check_names(Fault, fields)
    state.add_fault(**fields)
    return Answer(204)


def revoke(state: State, request: Request) -> Answer:
    """No token that was given out until now is good any more."""
    state.revoke()
    return Answer(204)


def outcome(state: State, request: Request, task_id: str) -> Answer:
    """Change how a task that exists ends: `{"outcome": "Completed", "notes": []}`."""
    task, body = state.tasks.get(task_id), request.json()
    if task is None:
        raise Refusal(404, {"message": "There is no such task."})
    task.outcome, task.notes = body.get("outcome", task.outcome), body.get("notes", task.notes)
    return Answer(204)


def _check_names(kind: type[Any], given: dict[str, Any]) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    if unknown := given.keys() - set(names):
        raise Refusal(400, {"message": f"Unknown: {sorted(unknown)}; there are {names}."})


ROUTES: Final = [
    Route("GET", "/_control", look),
    Route("POST", "/_control/reset", reset),
    Route("POST", "/_control/knobs", turn),
    Route("POST", "/_control/clock", clock),
    Route("POST", "/_control/faults", fault),
    Route("POST", "/_control/revoke", revoke),
    Route("POST", "/_control/tasks/{task_id}", outcome),
]
