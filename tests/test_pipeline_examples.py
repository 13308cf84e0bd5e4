"""The pipelines of docs/pipelines run for real against a server; only what builds the image is a stand-in."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import yaml

from tests.servers.onebox import ROOT, OneBox

EXAMPLES: Final = ROOT / "docs/pipelines"
KEY: Final = {"X-API-Key": "dev-key-12345"}
# Each says that it was called; the one that is named in the file `broken` fails.
TOOL: Final = """#!/bin/sh
echo "${0##*/} $1" >> "$CALLS"
[ ! -e "$CALLS.broken" ] || [ "$(cat "$CALLS.broken")" != "${0##*/}" ]
"""
# They run on a server of their own, so one of the two runs is enough.
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, begun: Path) -> Iterator[OneBox]:
    running = OneBox(tmp_path_factory.mktemp("box"), begun).start()
    yield running
    assert running.end() == 0, running.log.read_text()


class Workshop:
    """A checked-out repository with the tools that a pipeline calls, and what became of its builds."""

    def __init__(self, box: OneBox, folder: Path) -> None:
        self.box, self.folder, self.calls = box, folder, folder / "calls"
        (folder / "ci").mkdir()
        for name in ("skyledger.sh", "build-image.sh"):
            shutil.copy(EXAMPLES / name, folder / "ci" / name)
        for name in ("packer", "ansible-playbook", "test-image.sh"):
            (folder / name).write_text(TOOL)
            (folder / name).chmod(0o755)
        self.secrets = {"SKYLEDGER_URL": box.base, "SKYLEDGER_KEY": KEY["X-API-Key"]}

    def run(self, *command: str, cwd: str = "", **environment: str) -> int:
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        env = {"PATH": path, "CALLS": str(self.calls), **self.secrets, **environment}
        done = subprocess.run(command, cwd=self.folder / cwd, env=env, capture_output=True, text=True)
        self.said = done.stdout + done.stderr
        return done.returncode

    def break_(self, tool: str) -> None:
        Path(f"{self.calls}.broken").write_text(tool)

    def called(self) -> list[str]:
        """What was called since this was asked last."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.write_text("")
        return calls

    def history(self, build_id: str) -> list[tuple[int, str]]:
        """State and status, the oldest first."""
        (build,) = self.get(f"/builds?build_id={build_id}")["items"]
        rows = self.get(f"/builds/{build['id']}/state")["history"]
        return [(row["state_code"], row["status"]) for row in reversed(rows)]

    def get(self, path: str) -> Any:
        answer = requests.get(f"{self.box.base}/api/v1{path}", headers=KEY, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def workshop(box: OneBox, tmp_path: Path) -> Workshop:
    return Workshop(box, tmp_path)


def test_the_shell_example_fails_is_run_again_and_goes_on_where_it_failed(workshop: Workshop) -> None:
    script = ("sh", "ci/build-image.sh", "aws-commercial", "rhel-9.3", "base", "shell-1")
    workshop.break_("test-image.sh")
    assert workshop.run(*script, RUN_ID="first") == 1, workshop.said
    assert workshop.called() == [
        "packer validate",
        "packer build",
        "ansible-playbook --inventory",
        "test-image.sh ",
    ]
    failed = [(0, "pending"), (15, "in_progress"), (20, "in_progress"), (50, "in_progress")]
    failed += [(80, "in_progress"), (80, "failed")]
    assert workshop.history("shell-1") == failed
    (build,) = workshop.get("/builds?build_id=shell-1")["items"]
    (failure,) = workshop.get(f"/builds/{build['id']}/failures")["items"]
    told = [failure[name] for name in ("error_code", "component", "error_message")]
    assert told == ["STEP_FAILED", "test-image.sh", "Testing: exit status 1"]
    workshop.break_("nothing")
    assert workshop.run(*script, RUN_ID="second") == 0, workshop.said
    assert workshop.called() == ["test-image.sh "]
    assert "20 Building: done before" in workshop.said
    resumed = [(80, "in_progress"), (80, "in_progress"), (100, "completed")]
    assert workshop.history("shell-1") == failed + resumed
    (image,) = workshop.get(f"/builds/{build['id']}/artifacts")["items"]
    assert (image["path"], image["is_final"]) == ("s3://images/shell-1", True)


def test_the_shell_example_stops_when_it_is_asked_to(workshop: Workshop) -> None:
    announced = requests.post(
        f"{workshop.box.base}/builds",
        headers=KEY,
        json={"platform": "azure", "os_version": "rhel-9.3", "image_type": "base", "build_id": "shell-2"},
        timeout=10,
    ).json()
    url = f"{workshop.box.base}/builds/{announced['id']}"
    requests.post(f"{url}/state", headers=KEY, json={"state_code": 5}, timeout=10)
    assert (
        requests.post(f"{url}/cancel", headers=KEY, json={}, timeout=10).json()["status"]
        == "cancel_requested"
    )
    assert workshop.run("sh", "ci/build-image.sh", "azure", "rhel-9.3", "base", "shell-2", RUN_ID="1") == 1
    assert workshop.called() == []
    assert workshop.history("shell-2")[-1] == (15, "cancelled")


def test_what_is_refused_ends_the_shell_example_with_the_reason(workshop: Workshop) -> None:
    assert workshop.run("sh", "ci/build-image.sh", "no-such", "rhel-9.3", "base", "shell-3", RUN_ID="1") != 0
    assert "there is no platform 'no-such'" in workshop.said
    assert workshop.called() == []


def filled(value: str, known: dict[str, str]) -> str:
    for name, text in known.items():
        value = value.replace(name, text)
    assert "${{" not in value, value
    assert "((" not in value, value
    return value


def test_the_steps_of_the_github_actions_example(workshop: Workshop) -> None:
    (job,) = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())["jobs"].values()
    known = {
        "${{ vars.SKYLEDGER_URL }}": workshop.secrets["SKYLEDGER_URL"],
        "${{ secrets.SKYLEDGER_KEY }}": workshop.secrets["SKYLEDGER_KEY"],
        "${{ github.run_id }}": "4711",
        "${{ github.run_attempt }}": "1",
        "${{ github.sha }}": "abc123",
    }
    env = {name: filled(value, known) for name, value in job["env"].items()}
    file = workshop.folder / "github-env"
    file.touch()

    def run(step: dict[str, str]) -> int:
        later = dict(line.split("=", 1) for line in file.read_text().splitlines())
        shell = ("bash", "-e", "-o", "pipefail", "-c", step["run"])
        return workshop.run(*shell, **{**env, **later, "GITHUB_ENV": str(file)})

    steps = [step for step in job["steps"] if "run" in step]
    assert [step["if"] for step in steps if "if" in step] == ["cancelled() && env.BUILD_UUID"]
    announce, check, build, *rest, cancelled = steps
    assert [run(step) for step in (announce, check, build)] == [0, 0, 0], workshop.said
    assert run(cancelled) == 0, workshop.said
    assert workshop.history("rhel-aws-4711")[-1] == (20, "cancelled")
    env["RUN_ID"] = "4711-2"
    assert [run(step) for step in (announce, check, build, *rest)] == [0] * 5, workshop.said
    assert workshop.called() == ["packer validate", "packer build", "packer build", "test-image.sh "]
    assert workshop.history("rhel-aws-4711")[-1] == (100, "completed")


def test_the_tasks_of_the_concourse_example(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (job,) = yaml.safe_load((EXAMPLES / "concourse.yml").read_text())["jobs"]
    known = {f"(({name.lower()}))": value for name, value in workshop.secrets.items()}
    (workshop.folder / ".git").mkdir()
    (workshop.folder / ".git/ref").write_text("abc123\n")
    worker = tmp_path_factory.mktemp("worker")
    (worker / "build").mkdir()
    shutil.copytree(workshop.folder, worker / "source")

    def run(task: dict[str, Any]) -> int:
        config, params = task["config"], {n: filled(v, known) for n, v in task["params"].items()}
        assert {folder["name"] for folder in config["inputs"]} <= {"source", "build"}
        place = config["run"]
        return workshop.run(place["path"], *place["args"], cwd=str(worker / place.get("dir", "")), **params)

    tasks = [step for step in job["plan"] if "task" in step]
    assert [task["task"] for task in tasks] == ["announce", "build", "test"]
    assert [run(task) for task in tasks] == [0, 0, 0], workshop.said
    assert workshop.called() == ["packer validate", "packer build", "test-image.sh "]
    assert workshop.history("rhel-aws-abc123")[-1] == (100, "completed")
    assert run(job["on_abort"]) != 0  # it is delivered: nothing is left to cancel
    assert workshop.history("rhel-aws-abc123")[-1] == (100, "completed")
