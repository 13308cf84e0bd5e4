"""Usage reports: created, waited for and downloaded, on both generations of paths over the same tasks."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from gcore.simulator import files
from gcore.simulator.catalogue import TEMPLATES, features
from gcore.simulator.iam import Caller, caller
from gcore.simulator.state import State, Task
from gcore.simulator.wire import Answer, Refusal, Request, Route, page, said
from gcore.simulator.world import CLIENTS, Usage, usage

CODES: Final = {*TEMPLATES, "ResellerStatisticsV2"}
FORMATS: Final = {"csv": files.CSV, "json": files.JSON, "xlsx": files.XLSX}


def create(state: State, request: Request) -> Answer:
    who = caller(state, request)
    who.require_reseller()
    body = request.json()
    code, parameters = str(body.get("template_code") or ""), body.get("parameters") or {}
    _check(code, parameters)
    task = Task(
        id=str(uuid.uuid4()),
        made_at=state.now(),
        template=code,
        parameters=parameters,
        client_id=who.client_id,
        outcome=state.knobs.outcome,
        notes=list(state.knobs.notes),
    )
    state.keep(task)
    return said(_shown(state, task, request), 201)


def _check(code: str, parameters: Any) -> None:
    if not code:
        raise Refusal(400, {"template_code": ["This field may not be blank."]})
    if code not in CODES:
        raise Refusal(400, {"detail": f"Template {code} does not exist."})
    try:
        first, last = (date.fromisoformat(parameters[name]) for name in ("date_from", "date_to"))
    except (KeyError, TypeError, ValueError) as error:
        raise Refusal(400, {"parameters": ["date_from and date_to must be dates (YYYY-MM-DD)."]}) from error
    if first > last:
        raise Refusal(400, {"parameters": ["date_from must not be after date_to."]})


def listed(state: State, request: Request) -> Answer:
    who = caller(state, request)
    tasks = [_shown(state, task, request) for task in state.tasks.values() if who.sees(task.client_id)]
    wanted = request.every("status")
    tasks = [task for task in tasks if not wanted or task["status"] in wanted]
    return page(request, tasks[::-1], envelope=True)


def status(state: State, request: Request, task_id: str) -> Answer:
    task = _found(state, caller(state, request), task_id)
    task.polls += 1
    return said(_shown(state, task, request))


def delete(state: State, request: Request, task_id: str) -> Answer:
    task = _found(state, caller(state, request), task_id)
    state.drop(task)
    return Answer(204)


def download(state: State, request: Request, task_id: str) -> Answer:
    task = _found(state, caller(state, request), task_id)
    if _word(state, task) != "Completed":
        raise Refusal(state.knobs.unready_status, {"error": "Failed to render report: it is not completed."})
    wanted = FORMATS.get(request.first("format"), request.headers.get("accept", ""))
    return files.rendered(state.knobs, _table(state, task), wanted)


def _found(state: State, who: Caller, task_id: str) -> Task:
    task = state.tasks.get(task_id)
    if task is None or not who.sees(task.client_id):
        raise Refusal(404, {"detail": "Not found."})
    return task


def _word(state: State, task: Task) -> str:
    """Pending at first, then InProgress, and in the end the task's outcome."""
    knobs, age = state.knobs, state.now() - task.made_at
    if age >= knobs.job_seconds and task.polls >= knobs.job_polls:
        return task.outcome
    return "Pending" if task.polls < 2 else "InProgress"


def _shown(state: State, task: Task, request: Request) -> dict[str, Any]:
    word = _word(state, task)
    made = datetime.fromtimestamp(task.made_at, UTC).isoformat()
    current = request.path.startswith("/billing/org/")
    return {
        "uuid": task.id,
        "created_at": made,
        "updated_at": state.moment(),
        "user_id": 1001,
        "client_id": task.client_id,
        "task_type": "Report",
        "status": word,
        "parameters": task.parameters | ({"type": task.template} if current else {}),
        "processing_notes": {
            "celery_group_id": None,
            "period": None,
            "records_to_process": None,
            "errors": task.notes if word == "Failed" else None,
            "warnings": None,
        },
    }


def _table(state: State, task: Task) -> Iterator[files.Row]:
    wanted = {int(id) for id in task.parameters.get("features") or ()}
    chosen = [one for one in features(state) if not wanted or one.id in wanted]
    only = task.parameters.get("client_id")
    clients = [one for one in CLIENTS if only is None or one.id == int(only)]
    first = date.fromisoformat(task.parameters["date_from"])
    last = date.fromisoformat(task.parameters["date_to"])
    end = last if state.knobs.exclusive_end else last + timedelta(days=1)
    if state.knobs.rows:
        return files.many(state.knobs.rows, clients, chosen)
    groups = frozenset(task.parameters.get("group_by") or ("client",))
    return (_row(state, first, one) for one in usage(clients, chosen, first, end, groups))


def _row(state: State, first: date, one: Usage) -> files.Row:
    region, resource = one.region or ("", ""), one.resource
    unit = state.knobs.units.get(f"{one.feature.id} {first:%Y-%m}", one.feature.unit)
    return (
        one.client.id, one.client.name, one.feature.id, one.feature.name, one.value, *region,
        resource.id if resource else "", resource.name if resource else "", unit,
    )  # fmt: skip


def _both(method: str, legacy: str, current: str, handler: Any) -> list[Route]:
    return [
        Route(method, f"/billing/v1/org/files{legacy}", handler),
        Route(method, f"/billing/org/v1/reports{current}", handler),
    ]


ROUTES: Final = [
    *_both("POST", "/report", "", create),
    *_both("GET", "", "", listed),
    *_both("GET", "/{task_id}", "/{task_id}", status),
    *_both("DELETE", "/{task_id}", "/{task_id}", delete),
    *_both("GET", "/{task_id}/download", "/{task_id}/download", download),
]
