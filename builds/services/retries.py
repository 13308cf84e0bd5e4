"""Somebody at a desk sends a build back to work."""

from django.db import transaction
from django.utils import timezone

from accounts.principals import Principal
from builds.models import Build
from builds.rules import Report
from builds.services.moves import Entry, build_lock, standing_of
from builds.services.reports import build_report
from builds.services.resumes import build_resume


@transaction.atomic
def build_retry(*, by: Principal, build: Build) -> Build:
    """Take it up again where it failed: as a retry while its state allows one, else as a resume.

    Errors: 409 not_resumable, resume_prerequisites.
    """
    row = build_lock(tenant=build.tenant, build=build)
    standing = standing_of(row, timezone.now())
    # A report to a build that lost its heartbeat would say that it never stopped.
    if standing.may_retry and not standing.heartbeat_lost:
        return build_report(by=by, build=row, report=Report(standing.code), entry=Entry()).build
    return build_resume(by=by, build=row)[1]
