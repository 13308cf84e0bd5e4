"""The ten builds of a demo tenant, each with the history that a pipeline would have told, and a platform."""

import hashlib
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Tenant
from accounts.principals import SYSTEM
from builds.models import (
    Artifact,
    Build,
    BuildFailure,
    BuildState,
    ImageType,
    OsVersion,
    Platform,
    StateCode,
    StateTemplate,
)
from builds.rules import DELIVERED, QUEUED, Fault, Status
from builds.services.catalogue import catalogue_create
from builds.services.channels import channel_assign, latest_follow
from builds.services.moves import USER_CANCELLED
from builds.services.reports import Failing

PIPELINE: Final = "https://ci.example.com/teams/images/pipelines/{}/jobs/build"
ROAD: Final = (0, 5, 10, 20, 25, 30, 40, 50, 55, 60, 70, 75, 80, 90, 95, 100)  # pipelines skip some
SNAPSHOT: Final = 40
STEADY: Final = ("BUILD-2024-001", "BUILD-2024-004")  # those in production
MADE: Final = {"aws": ("ami", "ami-{}"), "azure": ("vhd", "images/{}"), "gcp": ("gce-image", "images/{}")}
TIMEOUT: Final = Failing(
    "Ansible timed out while packages were configured.", "ANSIBLE_TIMEOUT", "ansible",
    {"timeout_seconds": 1800}, Fault.INFRASTRUCTURE.value,
)  # fmt: skip
PACKAGES: Final = Failing(
    "SAP deployment failed: required packages are missing.", "SAP_DEPLOY_001", "sap-deployment",
    {"missing_packages": ["compat-sap-c++-11", "uuidd"]}, Fault.USER.value,
)  # fmt: skip
MEMORY: Final = Failing(
    "Database setup failed: it needs 16 GB of memory and has 8 GB.", "DB_INSTALL_001", "database-setup",
    {"required_gb": 16, "available_gb": 8}, Fault.INFRASTRUCTURE.value, retryable=False,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoBuild:
    """Since `hours` it stands where it does; `retried_at`: a code at which it failed once and went on."""

    name: str
    platform: str
    os_version: str
    image_type: str
    code: int
    status: Status
    hours: float
    failing: Failing | None = None
    retried_at: int | None = None
    parent: str = ""


DONE, S = Status.COMPLETED, Status
DEMO_BUILDS: Final = (
    DemoBuild("BUILD-2024-001", "aws-commercial", "rhel-8.8", "base", 100, DONE, 214),
    DemoBuild("BUILD-2024-002", "aws-commercial", "ubuntu-20.04", "hana", 100, DONE, 167, retried_at=60),
    DemoBuild("BUILD-2024-003", "azure", "rhel-9.2", "sapapp", 60, S.FAILED, 119, PACKAGES),
    DemoBuild("BUILD-2024-004", "gcp", "ubuntu-22.04", "base", 100, DONE, 95),
    DemoBuild("BUILD-2024-005", "aws-govcloud", "rhel-8.8", "openvpn", 55, S.IN_PROGRESS, 0.2),
    DemoBuild("BUILD-2024-006", "aws-commercial", "ubuntu-20.04", "webserver", 100, DONE, 71),
    DemoBuild("BUILD-2024-007", "azure", "rhel-9.2", "database", 55, S.FAILED, 47, MEMORY),
    DemoBuild("BUILD-2024-008", "gcp", "ubuntu-22.04", "cache", 100, DONE, 22, parent="BUILD-2024-004"),
    DemoBuild("BUILD-2024-009", "aws-commercial", "centos-7", "monitoring", 0, S.PENDING, 0.07),
    DemoBuild("BUILD-2024-010", "azure", "sles-15", "security", 70, S.CANCELLED, 26),
)


@dataclass(slots=True)
class Tale:
    """A build and its history as they come to be; `now` is the moment of the tale."""

    build: Build
    names: dict[int, str]
    now: datetime
    states: list[BuildState] = field(default_factory=list)
    others: list[Artifact | BuildFailure] = field(default_factory=list)

    def enter(self, code: int, attempt: int = 1) -> None:
        status = Status.PENDING if code == QUEUED else Status.IN_PROGRESS
        self._row(code, status, attempt, message=self.names[code], entered_at=self.now)
        if code and self.build.started_at is None:
            self.build.started_at = self.now
        self.build.entered_at = self.now

    def leave(self, outcome: str) -> None:
        self.states[-1].left_at, self.states[-1].outcome = self.now, outcome

    def fail(self, failing: Failing, resolution: str = "") -> None:
        self.leave(Status.FAILED)
        code, attempt = self.build.state_code, self.build.attempt
        told = {"message": failing.error_message, "reason": failing.error_code, "fault": failing.fault}
        self._row(code, Status.FAILED, attempt, **told)
        self.build.retryable = failing.retryable
        self.others.append(
            BuildFailure(
                tenant=self.build.tenant, build=self.build, state_code=code, attempt=attempt,
                error_message=failing.error_message, error_code=failing.error_code,
                component=failing.component, details=failing.details, fault=failing.fault,
                retryable=failing.retryable, digest=failing.digest, created_at=self.now, last_at=self.now,
                resolution=resolution,
            )
        )  # fmt: skip

    def end(self, code: int, status: Status, **told: str) -> None:
        if self.states[-1].left_at is None:
            self.leave(Status.CANCELLED if status == Status.CANCELLED else Status.COMPLETED)
        self._row(code, status, 1, **told)

    def _row(self, code: int, status: Status, attempt: int, **columns: Any) -> None:
        build = self.build
        build.seq += 1
        self.states.append(
            BuildState(
                tenant=build.tenant, build=build, seq=build.seq, state_code=code, status=status,
                attempt=attempt, actor=SYSTEM.actor, at=self.now, **columns,
            )
        )  # fmt: skip
        build.state_code, build.status, build.attempt = code, status, attempt
        build.high_water_code = max(build.high_water_code, code)
        build.message, build.reason = columns.get("message", ""), columns.get("reason", "")
        build.fault = columns.get("fault", "")


def demo_platform_add(tenant: Tenant) -> None:
    """A platform of the tenant's own, `aws`, as the older build service's pipeline example names it."""
    if not Platform.objects.filter(tenant=tenant, slug="aws").exists():
        catalogue_create(
            by=SYSTEM, tenant=tenant, model=Platform, slug="aws", name="AWS", cloud_provider="aws"
        )


@transaction.atomic
def demo_builds_load(*, tenant: Tenant, now: datetime | None = None) -> int:
    """Write the ten builds, unless the tenant has one of them; how many were written."""
    names = [demo.name for demo in DEMO_BUILDS]
    if Build.objects.for_tenant(tenant).filter(build_id__in=names).exists():
        return 0
    made: dict[str, Build] = {}
    for demo in DEMO_BUILDS:
        tale = _tale(demo, tenant, made.get(demo.parent), (now or timezone.now()).replace(microsecond=0))
        tale.build.save(force_insert=True)
        for row in (*tale.states, *tale.others):
            row.save(force_insert=True)
        made[demo.name] = tale.build
    for build in made.values():
        latest_follow(by=SYSTEM, build=build)
    for name in STEADY:
        channel_assign(by=SYSTEM, build=made[name], name="production")
    return len(made)


def _tale(demo: DemoBuild, tenant: Tenant, parent: Build | None, now: datetime) -> Tale:
    chance = random.Random(f"{tenant.slug}-{demo.name}")  # noqa: S311  (made-up data, the same every time)
    template = StateTemplate.objects.get(tenant=None, slug="standard")
    states = {state.code: state for state in StateCode.objects.filter(template=template)}
    passed = [code for code in ROAD if code < demo.code]
    waits = {code: _minutes(chance, states[code]) for code in passed}
    again = _minutes(chance, states[demo.retried_at]) if demo.retried_at else timedelta(0)
    since = now - timedelta(hours=demo.hours)
    build = _build(demo, tenant, parent, template, since - sum(waits.values(), again))
    tale = Tale(build, {code: state.name for code, state in states.items()}, build.created_at)
    for code in passed:
        _pass(tale, code, waits[code], again if code == demo.retried_at else None)
    _arrive(tale, demo, chance)
    build.occurred_at = build.reported_at = tale.now
    return tale


def _minutes(chance: random.Random, state: StateCode) -> timedelta:
    return timedelta(
        seconds=chance.randint(60 * state.expected_min_minutes + 20, 60 * state.expected_max_minutes)
    )


def _build(
    demo: DemoBuild, tenant: Tenant, parent: Build | None, template: StateTemplate, created: datetime
) -> Build:
    return Build(
        tenant=tenant,
        build_id=demo.name,
        platform=Platform.objects.get(tenant=None, slug=demo.platform),
        os_version=OsVersion.objects.get(tenant=None, slug=demo.os_version),
        image_type=ImageType.objects.get(tenant=None, slug=demo.image_type),
        template=template,
        parent=parent,
        pipeline_url=PIPELINE.format(f"{demo.platform}-{demo.os_version}-{demo.image_type}"),
        commit_hash=hashlib.sha256(demo.name.encode()).hexdigest()[:40],
        created_at=created,
    )


def _pass(tale: Tale, code: int, wait: timedelta, again: timedelta | None) -> None:
    """Through one state, at the second attempt when `again` says how long the first took."""
    tale.enter(code)
    if again is not None:
        tale.now += again
        tale.fail(TIMEOUT, resolution="completed")
        tale.enter(code, attempt=2)
    tale.now += wait
    if code == SNAPSHOT:
        _artifact(tale, "snapshot", "snapshots/{}", name="packer-snapshot", is_resumable=True)
    tale.leave(Status.COMPLETED)


def _arrive(tale: Tale, demo: DemoBuild, chance: random.Random) -> None:
    """Where it stands now: `hours` ago for what ended, and since then for what goes on."""
    if demo.code == DELIVERED:
        type, path = MADE[tale.build.platform.cloud_provider]
        _artifact(tale, type, path, name="image", is_final=True, is_resumable=False)
        tale.end(DELIVERED, Status.COMPLETED, message=tale.names[DELIVERED])
        tale.build.step_done, tale.build.ended_at = True, tale.now
        tale.build.entered_at = tale.now
        for other in tale.others:
            if isinstance(other, BuildFailure):
                other.resolved_at = tale.now
        return
    tale.enter(demo.code)
    if demo.status in (Status.PENDING, Status.IN_PROGRESS):
        return
    tale.now += timedelta(seconds=chance.randint(240, 900))
    if demo.failing is not None:
        tale.fail(demo.failing)
    else:
        tale.end(demo.code, Status.CANCELLED, reason=USER_CANCELLED)
    tale.build.ended_at = tale.now


def _artifact(tale: Tale, type: str, path: str, **columns: Any) -> None:
    build = tale.build
    digest = hashlib.sha256(f"{build.build_id}-{type}".encode()).hexdigest()
    tale.others.append(
        Artifact(
            tenant=build.tenant, build=build, state_code=build.state_code, type=type,
            storage_type=build.platform.cloud_provider, path=path.format(digest[:17]),
            size_bytes=int(digest[:8], 16) + 2**31, checksum=f"sha256:{digest}", created_at=tale.now,
            **columns,
        )
    )  # fmt: skip
