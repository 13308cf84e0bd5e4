"""The builds of a tenant: on a board by phase, in a list, and one of them with its timeline."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import AppError, NotFound, ValidationFailed
from accounts.models import Scope, Tenant
from accounts.pages.gate import show, tenant_page, wants_part
from accounts.pages.paging import newest
from accounts.principals import Principal
from accounts.queries import activity_last
from builds.models import Build, BuildFailure, Platform, Project, Resume, StateCode, Variable
from builds.queries.board import LATELY, board_of
from builds.queries.builds import artifacts_of, builds_read, is_overdue, is_stuck, shown_value, state_of
from builds.queries.timeline import build_timeline
from builds.rules import Status
from builds.services.builds import build_cancel
from builds.services.resumes import build_resume

SHOWN: Final = 100  # failures, artifacts, variables and resumes of a build
CARDS: Final = 200


class BuildFilter(forms.Form):
    platform = forms.ChoiceField(required=False)
    project = forms.ChoiceField(required=False)

    def __init__(self, tenant: Tenant, data: Any) -> None:
        super().__init__(data)
        for name, rows in (("platform", Platform.objects.visible_to(tenant)), ("project", _projects(tenant))):
            slugs = rows.order_by("slug").values_list("slug", flat=True).distinct()
            field: Any = self.fields[name]
            field.choices = [("", "All"), *((slug, slug) for slug in slugs)]

    def chosen(self, rows: QuerySet[Build]) -> QuerySet[Build]:
        given = self.cleaned_data if self.is_valid() else {}
        return rows.filter(**{f"{name}__slug": slug for name, slug in given.items() if slug})


class ListFilter(BuildFilter):
    status = forms.ChoiceField(
        choices=[("", "All"), *((one.value, one.value) for one in Status)], required=False
    )
    build_id = forms.CharField(label="Name begins with", max_length=255, required=False)

    def chosen(self, rows: QuerySet[Build]) -> QuerySet[Build]:
        if not self.is_valid():
            return rows
        status, name = self.cleaned_data.pop("status"), self.cleaned_data.pop("build_id")
        rows = rows.filter(status=status) if status else rows
        return super().chosen(rows.filter(build_id__startswith=name) if name else rows)


class ResumeForm(forms.Form):
    from_state = forms.TypedChoiceField(label="Take it up at", coerce=int)
    reason = forms.CharField(label="Why", max_length=500, required=False)

    def __init__(self, build: Build, data: Any = None) -> None:
        super().__init__(data, initial={"from_state": build.state_code}, prefix="resume")
        field: Any = self.fields["from_state"]
        field.choices = [
            (state.code, str(state))
            for state in build.template.codes.all()
            if state.code <= build.state_code and state.is_resumable and state.deactivated_at is None
        ]


@require_safe
@tenant_page()
def builds(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The board; htmx asks for it alone, when builds move."""
    live_since = activity_last(principal.home)  # before the builds are read: no move is missed between
    form = BuildFilter(principal.home, request.GET)
    mine = Build.objects.for_tenant(principal.home)
    board = board_of(form.chosen(mine), most=CARDS)
    return show(
        request,
        "builds/board.html" if wants_part(request) else "builds/builds.html",
        principal,
        form=form,
        filtered=any(request.GET.get(name) for name in form.fields),
        board=board,
        phases=StateCode.Phase.choices,
        cards=sum(len(cards) for cards in board.columns.values()),
        any_build=mine.exists(),
        most=CARDS,
        days=LATELY.days,
        live_since=live_since,
    )


@require_safe
@tenant_page()
def all_builds(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The newest first, also those that ended long ago."""
    form = ListFilter(principal.home, request.GET)
    rows = form.chosen(builds_read(Build.objects.for_tenant(principal.home)))
    page = newest(rows, request)
    return show(
        request,
        "builds/list.html",
        principal,
        form=form,
        filtered=any(request.GET.get(name) for name in form.fields),
        page=page,
        builds=[(build, state_of(build)) for build in page.rows],
    )


@require_safe
@tenant_page()
def build(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    return _build_page(request, principal, pk)


@require_POST
@tenant_page(Scope.WRITE)
def cancel(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    def verb(found: Build) -> str:
        reason, force = request.POST.get("reason", "").strip()[:64], "force" in request.POST
        done = build_cancel(by=principal, build=found, reason=reason, force=force)
        ended = done.build.status == Status.CANCELLED
        return "The build is cancelled." if ended else "The build is asked to stop."

    return _done(request, principal, pk, verb)


@require_POST
@tenant_page(Scope.WRITE)
def resume(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    def verb(found: Build) -> str:
        form = ResumeForm(found, request.POST)
        if not form.is_valid():
            raise ValidationFailed("Choose a milestone of this build, and say why in 500 letters.")
        code, reason = form.cleaned_data["from_state"], form.cleaned_data["reason"]
        build_resume(by=principal, build=found, code=code, reason=reason)
        return f"The build goes on at {code}."

    return _done(request, principal, pk, verb)


def _done(request: HttpRequest, principal: Principal, pk: UUID, verb: Callable[[Build], str]) -> HttpResponse:
    try:
        messages.success(request, verb(_build(principal, pk)))
    except AppError as error:
        if error.status == 404:
            raise
        return _build_page(request, principal, pk, error)
    return redirect("console:build", pk)


def _build(principal: Principal, pk: UUID) -> Build:
    rows = builds_read(Build.objects.for_tenant(principal.home)).select_related("parent")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound("There is no such build in this tenant.")
    found.tenant = principal.home
    return found


def _build_page(
    request: HttpRequest, principal: Principal, pk: UUID, error: AppError | None = None
) -> HttpResponse:
    live_since = activity_last(principal.home)
    found = _build(principal, pk)
    return show(
        request,
        "builds/timeline.html" if wants_part(request) else "builds/build.html",
        principal,
        status=error.status if error else 200,
        build=found,
        error=error,
        state=state_of(found),
        steps=build_timeline(found),
        overdue=is_overdue(found),
        stuck=is_stuck(found),
        live_since=live_since,
        may_write=principal.allows(Scope.WRITE),
        may_resume=found.status in (Status.FAILED, Status.CANCELLED),
        form=ResumeForm(found),
        **_of_build(principal.home, found),
    )


def _of_build(tenant: Tenant, found: Build) -> dict[str, Any]:
    variables = Variable.objects.for_tenant(tenant).filter(build=found)[:SHOWN]
    return {
        "failures": BuildFailure.objects.for_tenant(tenant).filter(build=found)[:SHOWN],
        "artifacts": artifacts_of(tenant, found)[:SHOWN],
        "resumes": Resume.objects.for_tenant(tenant).filter(build=found)[:SHOWN],
        "variables": [(variable, shown_value(variable)) for variable in variables],
    }


def _projects(tenant: Tenant) -> QuerySet[Project]:
    rows: QuerySet[Project] = Project.objects.for_tenant(tenant)
    return rows
