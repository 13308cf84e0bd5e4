"""What pipelines report by the API is seen without a reload."""

from collections.abc import Callable
from typing import Any

import pytest

MADE_OF = {"platform": "azure", "os_version": "rhel-9.2", "image_type": "base"}
Call = Callable[..., Any]


@pytest.fixture
def call(opened: Any, demo: Any) -> Call:
    """`call(path, **body)`: what the API answers to a pipeline of the demo's tenant."""
    request = opened(storage_state=None).request

    def post(path: str, **body: Any) -> Any:
        answer = request.post(f"/api/v1{path}", headers={"X-API-Key": "demo-api-key"}, data=body)
        assert answer.ok, answer.text()
        return answer.json()

    return post


def test_a_build_moves_on_the_board_while_it_is_reported(opened: Any, call: Call) -> None:
    page = opened()
    page.goto("/console/builds")
    page.evaluate("window.stayed = true")
    page.get_by_text("Live", exact=True).wait_for()
    build = call("/builds", build_id="moving-1", **MADE_OF)["id"]
    for code, phase in ((0, "queued"), (10, "prepare"), (25, "build"), (100, "delivered")):
        if code:
            call(f"/builds/{build}/state", state_code=code)
        column = page.locator(f'section[aria-labelledby="phase-{phase}"]')
        column.get_by_role("link", name="moving-1").wait_for()
        assert page.get_by_role("link", name="moving-1").count() == 1
    assert page.evaluate("window.stayed")
    assert page.troubles == []


def test_a_builds_page_follows_it_and_keeps_what_is_being_written(opened: Any, call: Call) -> None:
    build = call("/builds", build_id="watched-1", **MADE_OF)["id"]
    call(f"/builds/{build}/state", state_code=10)
    page = opened()
    page.goto(f"/console/builds/{build}")
    page.get_by_text("Live", exact=True).wait_for()
    page.get_by_text("Cancel this build").click()
    page.get_by_label("Why").fill("the base is")
    call(f"/builds/{build}/state", state_code=25, message="The image <1> is made.")
    page.get_by_role("heading", name="25").wait_for()
    page.get_by_label("Why").press_sequentially(" wrong")
    page.get_by_role("button", name="Cancel build").click()
    page.get_by_text("The build is asked to stop.").wait_for()
    assert page.troubles == []


def test_what_the_connection_lost_is_asked_for_by_its_number(opened: Any, call: Call) -> None:
    sockets: list[Any] = []
    lost: list[str] = []

    def first_one_loses(socket: Any) -> None:
        sockets.append(socket)
        server = socket.connect_to_server()
        if len(sockets) == 1:
            server.on_message(lambda text: lost.append(text) if '"seq"' in text else socket.send(text))

    page = opened()
    page.route_web_socket("**/ws/activity-stream/*", first_one_loses)
    page.goto("/console/activity")
    page.get_by_text("Live", exact=True).wait_for()
    call("/builds", build_id="unseen-1", **MADE_OF)
    while not lost:
        page.wait_for_timeout(50)
    assert page.get_by_role("link", name="unseen-1").count() == 0
    sockets[0].close()
    page.get_by_role("link", name="unseen-1").wait_for()
    assert len(sockets) == 2
