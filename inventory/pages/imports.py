"""Files of resources and costs: sent, mapped, checked, confirmed, undone. The list, and the page of one."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError, NotFound, PayloadTooLarge, ValidationFailed
from accounts.models import Scope
from accounts.pages.gate import show, tenant_page
from accounts.pages.paging import newest
from accounts.principals import Principal
from inventory.models import CostDay, Import
from inventory.pages.mapping import MOST, SettingsForm, choices, chosen_columns, header_columns
from inventory.progress import progress
from inventory.queries.imports import day_changes, total_changes
from inventory.services.imports import (
    OPEN,
    import_confirm,
    import_discard,
    import_map,
    import_missing,
    import_preview,
    import_receive,
    import_undo,
)
from inventory.services.profiles import profile_keep, profile_names

State = Import.State
STEPS: Final = ("Send", "Map columns", "Check", "Confirm")
LISTED: Final = 50  # errors, and days


class UploadForm(forms.Form):
    file = forms.FileField(label="File", allow_empty_file=True)
    kind = forms.ChoiceField(label="It holds", choices=Import.Kind.choices, widget=forms.RadioSelect)
    source = forms.CharField(
        max_length=100,
        required=False,
        help_text="Who tells, such as my-bills. A file replaces what its source told of the same days."
        " Empty: files and the bulk API are one.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def imports(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The list; a POST sends a file and goes on to its page."""
    form = UploadForm(request.POST or None, request.FILES or None, initial={"kind": Import.Kind.COSTS})
    error = None
    if request.method == "POST":
        principal.require(Scope.WRITE)
        try:
            if form.is_valid():
                return _received(request, principal, form.cleaned_data)
        except AppError as refused:
            error = refused
    runs = Import.objects.for_tenant(principal.home).exclude(origin=Import.Origin.API)
    return show(
        request,
        "inventory/imports.html",
        principal,
        status=error.status if error else 400 if form.errors else 200,
        form=form,
        error=error,
        page=newest(runs.defer("errors", "warnings", "layout", "mapping", "header"), request),
        may_write=principal.allows(Scope.WRITE),
        most=settings.IMPORT_MAX_BYTES,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page()
def one_import(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """One import at the step at which it is; a POST says in `do` what to do with it."""
    run = Import.objects.for_tenant(principal.home).select_related("tenant").filter(pk=pk).first()
    if run is None:
        raise NotFound("There is no such import in this tenant.")
    if request.method != "POST":
        return _page(request, principal, run)
    principal.require(Scope.WRITE)
    verb = VERBS.get(request.POST.get("do", ""))
    if verb is None:
        raise ValidationFailed("This page does not know what to do.")
    try:
        return verb(request, principal, run)
    except AppError as error:
        return _page(request, principal, Import.objects.select_related("tenant").get(pk=pk), error)


def _received(request: HttpRequest, principal: Principal, given: dict[str, Any]) -> HttpResponse:
    file = given.pop("file")
    if file.size > settings.IMPORT_MAX_BYTES:
        raise PayloadTooLarge(f"The file is larger than {settings.IMPORT_MAX_BYTES} bytes.")
    run, is_new = import_receive(by=principal, tenant=principal.home, file=file, name=file.name, **given)
    if not is_new:
        messages.info(request, "The same file came before. This is what became of it.")
    return redirect("console:import", run.pk)


def _map(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    """Read the columns as the form says, keep that as a profile if it is named, and check the rows."""
    form = SettingsForm(run, request.POST)
    if not form.is_valid():
        return _page(request, principal, run, form=form)
    changes = {**form.changes(), "columns": chosen_columns(run, request.POST)}
    run = import_map(by=principal, run=run, changes=changes)
    if name := form.cleaned_data["profile_name"]:
        profile_keep(by=principal, run=run, name=name)
        messages.success(request, f"The profile {name} is saved.")
    return _check(request, principal, run)


def _profile(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    import_map(by=principal, run=run, changes={"profile": request.POST.get("profile", "")})
    return _there(run)


def _check(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    import_preview(by=principal, run=run)
    return _there(run)


def _confirm(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    run = import_confirm(by=principal, run=run)
    messages.success(request, f"{run.file_name} counts now.")
    return _there(run)


def _undo(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    import_undo(by=principal, run=run)
    messages.success(request, f"{run.file_name} is undone: what was there before counts again.")
    return _there(run)


def _discard(request: HttpRequest, principal: Principal, run: Import) -> HttpResponse:
    import_discard(by=principal, run=run)
    messages.success(request, f"{run.file_name} is forgotten.")
    return redirect("console:imports")


def _there(run: Import) -> HttpResponse:
    return redirect("console:import", run.pk)


VERBS: Final[dict[str, Callable[[HttpRequest, Principal, Import], HttpResponse]]] = {
    "map": _map,
    "profile": _profile,
    "check": _check,
    "confirm": _confirm,
    "undo": _undo,
    "discard": _discard,
}


def _page(
    request: HttpRequest,
    principal: Principal,
    run: Import,
    error: AppError | None = None,
    form: SettingsForm | None = None,
) -> HttpResponse:
    may_write = principal.allows(Scope.WRITE)
    maps = form or run.state == State.RECEIVED or ("map" in request.GET and run.state in OPEN)
    return show(
        request,
        "inventory/import.html",
        principal,
        status=error.status if error else 400 if form else 200,
        run=run,
        error=error,
        may_write=may_write,
        step=_step(run, bool(maps)),
        steps=STEPS,
        **(_mapping(run, form) if maps else _findings(request, run)),
    )


def _step(run: Import, maps: bool) -> int:
    """Which of STEPS is now; beyond them when all is done."""
    if run.state in (State.APPLIED, State.UNDONE):
        return len(STEPS)
    return 1 if maps else 3 if run.state == State.CHECKED else 2


def _mapping(run: Import, form: SettingsForm | None) -> dict[str, Any]:
    needed, others = choices(run)
    return {
        "maps": True,
        "form": form or SettingsForm(run),
        "columns": header_columns(run),
        "hidden_columns": max(0, len(run.header) - MOST),
        "needed": needed,
        "others": others,
        "missing": import_missing(run),
        "profiles": profile_names(run.tenant, run.kind),
    }


def _findings(request: HttpRequest, run: Import) -> dict[str, Any]:
    """What a check found: errors a page at a time, by the file's own columns; for costs each day."""
    errors = Paginator(run.errors, LISTED).get_page(request.GET.get("errors"))
    told = [{**error, "field": run.mapping.get(error["field"], error["field"])} for error in errors]
    found: dict[str, Any] = {"errors": errors, "told": told, "percent": progress(run)}
    if run.state == State.CHECKED and run.kind == Import.Kind.COSTS:
        days = CostDay.objects.for_tenant(run.tenant).filter(source_import=run)
        page = Paginator(days.order_by("day", "provider", "pk"), LISTED).get_page(request.GET.get("days"))
        changes = day_changes(run, list(page.object_list))
        found |= {"days": page, "changes": changes, "totals": total_changes(run)}
    return found
