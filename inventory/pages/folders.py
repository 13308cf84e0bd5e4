"""The tree of folders, and one folder: what is in it, who may do what there, and an invitation for others."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import AppError, NotFound, ValidationFailed
from accounts.models import Scope
from accounts.pages.editing import one_of
from accounts.pages.gate import show, tenant_page
from accounts.principals import SHARED, Principal
from inventory.models import Folder, FolderPermission
from inventory.queries.folders import RANKS, Level, chain, folder_paths, levels_of, parents_of, products_seen
from inventory.queries.tree import folder_tree
from inventory.services.folder_permissions import (
    folder_permission_change,
    folder_permission_grant,
    folder_permission_revoke,
)
from inventory.services.folders import folder_create, folder_delete, folder_update

Verb = Callable[[HttpRequest, Principal, Folder], HttpResponse]


class FolderForm(forms.Form):
    name = forms.CharField(max_length=255)
    description = forms.CharField(max_length=2000, required=False)
    parent = forms.ChoiceField(label="In", required=False)

    def __init__(self, by: Principal, data: Any = None, folder: Folder | None = None) -> None:
        """Without a parent to choose where its own is not seen: such a folder is not moved."""
        initial = {name: getattr(folder, name) for name in ("name", "description")} if folder else {}
        super().__init__(data, initial={**initial, "parent": str((folder and folder.parent_id) or "")})
        levels, paths = levels_of(by), folder_paths(by.home)
        if folder and (levels[folder.pk] != Level.MANAGE or (folder.parent_id or folder.pk) not in paths):
            del self.fields["parent"]
            return
        places = [(str(pk), path) for pk, path in paths.items() if _is(levels.get(pk), Level.EDIT)]
        top = [("", "The top")] if by.allows(Scope.WRITE) else []
        choices: Any = self.fields["parent"]
        choices.choices = [*top, *sorted(places, key=lambda place: place[1])]

    def fields_of_folder(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        if "parent" in given:
            parent = given.pop("parent")
            given["parent_id"] = UUID(parent) if parent else None
        return given


class InviteForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    level = forms.ChoiceField(label="May", choices=Level.choices, initial=Level.VIEW)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def folders(request: HttpRequest, principal: Principal) -> HttpResponse:
    """The tree; a POST makes a folder."""
    form, error = FolderForm(principal, request.POST or None), None
    if request.method == "POST" and form.is_valid():
        try:
            made = folder_create(by=principal, tenant=principal.home, **form.fields_of_folder())
        except AppError as refused:
            error = refused
        else:
            messages.success(request, f"The folder {made.name} is made.")
            return redirect("console:folder", made.pk)
    return show(
        request,
        "inventory/folders.html",
        principal,
        status=error.status if error else 400 if form.errors else 200,
        tree=folder_tree(principal),
        form=form if form.fields["parent"].choices else None,  # type: ignore[attr-defined]
        error=error,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_page(SHARED)
def one_folder(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    """One folder; a POST says in `do` what to do with it or with somebody's right in it."""
    rows = Folder.objects.for_tenant(principal.home).select_related("tenant")
    folder: Folder = one_of(rows, pk, "folder")
    if request.method != "POST":
        return _page(request, principal, folder)
    verb = VERBS.get(request.POST.get("do", ""))
    if verb is None:
        raise ValidationFailed("This page does not know what to do.")
    try:
        return verb(request, principal, folder)
    except AppError as error:
        return _page(request, principal, folder, error)


def _save(request: HttpRequest, principal: Principal, folder: Folder) -> HttpResponse:
    form = FolderForm(principal, request.POST, folder)
    if not form.is_valid():
        return _page(request, principal, folder, form=form)
    folder_update(by=principal, folder=folder, changes=form.fields_of_folder())
    return _done(request, folder, "The folder is saved.")


def _delete(request: HttpRequest, principal: Principal, folder: Folder) -> HttpResponse:
    folder_delete(by=principal, folder=folder)
    messages.success(request, f"The folder {folder.name} is deleted.")
    return redirect("console:folders")


def _grant(request: HttpRequest, principal: Principal, folder: Folder) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, principal, folder, invite=form)
    permission = folder_permission_grant(by=principal, folder=folder, **form.cleaned_data)
    return _done(request, folder, f"{permission.email} may {permission.level} this folder now.")


def _level(request: HttpRequest, principal: Principal, folder: Folder) -> HttpResponse:
    permission = _permission(principal, folder, request.POST.get("email", ""))
    level = request.POST.get("level", "")
    if level not in Level.values:
        raise ValidationFailed.field("level", "it is none.")
    folder_permission_change(by=principal, permission=permission, level=level)
    return _done(request, folder, f"{permission.email} may {level} this folder now.")


def _revoke(request: HttpRequest, principal: Principal, folder: Folder) -> HttpResponse:
    permission = _permission(principal, folder, request.POST.get("email", ""))
    folder_permission_revoke(by=principal, permission=permission)
    return _done(request, folder, f"{permission.email} has no right of their own here any more.")


VERBS: Final[dict[str, Verb]] = {
    "save": _save, "delete": _delete, "grant": _grant, "level": _level, "revoke": _revoke,
}  # fmt: skip


def _done(request: HttpRequest, folder: Folder, told: str) -> HttpResponse:
    messages.success(request, told)
    return redirect("console:folder", folder.pk)


def _page(
    request: HttpRequest,
    principal: Principal,
    folder: Folder,
    error: AppError | None = None,
    form: FolderForm | None = None,
    invite: InviteForm | None = None,
) -> HttpResponse:
    tenant, level = principal.home, levels_of(principal)[folder.pk]
    manages = level == Level.MANAGE
    above = [at for at in chain(folder.pk, parents_of(tenant)) if at != folder.pk] if manages else []
    rights = FolderPermission.objects.for_tenant(tenant)
    return show(
        request,
        "inventory/folder.html",
        principal,
        status=error.status if error else 400 if form or invite else 200,
        folder=folder,
        path=folder_paths(tenant)[folder.pk],
        level=level,
        may_edit=_is(level, Level.EDIT),
        manages=manages,
        children=Folder.objects.for_tenant(tenant).filter(parent=folder).order_by("name"),
        products=products_seen(tenant).filter(folder=folder).order_by("name"),
        rights=rights.filter(folder=folder) if manages else [],
        inherited=rights.filter(folder__in=above).select_related("folder"),
        levels=Level.choices,
        form=form or (FolderForm(principal, folder=folder) if _is(level, Level.EDIT) else None),
        invite=invite or InviteForm(),
        error=error,
    )


def _permission(principal: Principal, folder: Folder, email: str) -> FolderPermission:
    rows = FolderPermission.objects.for_tenant(principal.home).filter(
        folder=folder, email=email.lower()[:254]
    )
    found: FolderPermission | None = rows.select_related("tenant").first()
    if found is None or levels_of(principal)[folder.pk] != Level.MANAGE:
        raise NotFound("That person has no right of their own in this folder.")
    return found


def _is(level: str | None, least: str) -> bool:
    return level is not None and RANKS[level] >= RANKS[least]
