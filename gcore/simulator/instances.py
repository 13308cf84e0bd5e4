"""Customers' machines: three in each region of a customer, stopped and started by tasks as Gcore does it."""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from gcore.simulator.cloud import cloud_caller, cloud_refusal
from gcore.simulator.state import Action, State
from gcore.simulator.wire import Answer, Request, Route, said
from gcore.simulator.world import CLIENTS, CLOUD, Client, Resource, resources

EACH: Final = 3
BECOMES: Final = {"stop": "stopped", "start": "active"}
DOING: Final = {"stop": "powering-off", "start": "powering-on"}
STATUS: Final = {"stopped": "SHUTOFF", "active": "ACTIVE"}


@dataclass(frozen=True, slots=True)
class Machine:
    id: str
    name: str
    client: Client
    place: Resource

    @property
    def project_id(self) -> int:
        return self.client.id % 1000


MACHINES: Final = {
    one.id: one
    for client in CLIENTS
    if client.size
    for place in resources(client.id, CLOUD.id)
    for number in range(EACH)
    for one in (
        Machine(str(uuid.UUID(int=place.id * 100 + number)), f"vm-{number + 1}.{place.name}", client, place),
    )
}


def listed(state: State, request: Request, project: str, region: str) -> Answer:
    who = cloud_caller(state, request)
    found = [
        _shown(state, machine)
        for machine in MACHINES.values()
        if _is_at(machine, project, region) and who.client_id == machine.client.id
    ]
    return said({"count": len(found), "results": found})


def got(state: State, request: Request, project: str, region: str, instance: str) -> Answer:
    return said(_shown(state, _machine(state, request, project, region, instance)))


def act(state: State, request: Request, project: str, region: str, instance: str) -> Answer:
    """A machine that a task is at, or that is so already, is in conflict."""
    machine = _machine(state, request, project, region, instance)
    what = str(request.json().get("action"))
    if what not in BECOMES:
        raise cloud_refusal(400, "ValidationError", f"Unknown action {what}")
    with state.lock:
        shown = _shown(state, machine)
        if shown["task_id"] or shown["vm_state"] == BECOMES[what]:
            raise cloud_refusal(
                409, "ConflictError", f"Cannot {what} instance {instance} in its current state"
            )
        ends_at = state.now() + state.knobs.action_seconds
        action = Action(str(uuid.uuid4()), machine.id, what, ends_at, state.knobs.action_error)
        state.actions.append(action)
    return said({"tasks": [action.id]})


def task(state: State, request: Request, task_id: str) -> Answer:
    cloud_caller(state, request)
    action = next((one for one in state.actions if one.id == task_id), None)
    if action is None:
        raise cloud_refusal(404, "NotFoundError", f"Task {task_id} not found")
    ended = state.now() >= action.ends_at
    how = "RUNNING" if not ended else "ERROR" if action.error else "FINISHED"
    error = action.error if ended and action.error else None
    return said({"id": task_id, "task_type": f"{action.what}_vm", "state": how, "error": error})


def _machine(state: State, request: Request, project: str, region: str, instance: str) -> Machine:
    who = cloud_caller(state, request)
    machine = MACHINES.get(instance)
    if machine is None or not _is_at(machine, project, region) or who.client_id != machine.client.id:
        raise cloud_refusal(404, "NotFoundError", f"Instance {instance} not found")
    return machine


def _is_at(machine: Machine, project: str, region: str) -> bool:
    return (str(machine.project_id), str(machine.place.region_id)) == (project, region)


def _shown(state: State, machine: Machine) -> dict[str, Any]:
    now = state.now()
    asked = [one for one in state.actions if one.machine == machine.id]
    busy = next((one for one in asked if one.ends_at > now), None)
    done = [one for one in asked if one.ends_at <= now and not one.error]
    vm_state = BECOMES[done[-1].what] if done else "active"
    return {
        "instance_id": machine.id,
        "instance_name": machine.name,
        "instance_created": "2026-01-05T08:00:00Z",
        "status": STATUS[vm_state],
        "vm_state": vm_state,
        "task_state": DOING[busy.what] if busy else None,
        "task_id": busy.id if busy else None,
        "flavor": {"flavor_id": "g2-standard-1-2", "flavor_name": "g2-standard-1-2", "vcpus": 1, "ram": 2048},
        "project_id": machine.project_id,
        "region": machine.place.region,
        "region_id": machine.place.region_id,
        "tags": [{"key": "env", "value": "production", "read_only": False}],
        "volumes": [],
    }


ROUTES: Final = [
    Route("GET", "/cloud/v1/instances/{project}/{region}", listed),
    Route("GET", "/cloud/v1/instances/{project}/{region}/{instance}", got),
    Route("POST", "/cloud/v2/instances/{project}/{region}/{instance}/action", act),
    Route("GET", "/cloud/v1/tasks/{task_id}", task),
]
