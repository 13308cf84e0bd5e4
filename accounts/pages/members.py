"""Who belongs to the tenant, and who was asked into it; for its admins."""

from typing import Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import AppError
from accounts.models import Invitation, Membership, Scope
from accounts.pages.gate import show, tenant_page
from accounts.principals import Principal
from accounts.services.invitations import invitation_send, invitation_withdraw

MOST: Final = 500
Role = Membership.Role


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    role = forms.ChoiceField(label="As", choices=Role.choices, initial=Role.MEMBER)


@require_safe
@tenant_page(Scope.ADMIN)
def members(request: HttpRequest, principal: Principal) -> HttpResponse:
    return _members(request, principal, InvitationForm())


@require_POST
@tenant_page(Scope.ADMIN)
def invite(request: HttpRequest, principal: Principal) -> HttpResponse:
    form = InvitationForm(request.POST)
    if form.is_valid():
        try:
            invited = invitation_send(by=principal, tenant=principal.home, **form.cleaned_data)
        except AppError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"An invitation is on its way to {invited.email}.")
            return redirect("console:members")
    return _members(request, principal, form)


@require_POST
@tenant_page(Scope.ADMIN)
def withdraw(request: HttpRequest, principal: Principal, pk: UUID) -> HttpResponse:
    invitation_withdraw(by=principal, tenant=principal.home, invitation_id=pk)
    messages.success(request, "The invitation is withdrawn.")
    return redirect("console:members")


def _members(request: HttpRequest, principal: Principal, form: InvitationForm) -> HttpResponse:
    rows = Membership.objects.for_tenant(principal.home).select_related("user").order_by("user__email")
    open_ones = Invitation.objects.for_tenant(principal.home).filter(accepted_at=None, withdrawn_at=None)
    return show(
        request,
        "accounts/members.html",
        principal,
        members=rows[:MOST],
        invitations=open_ones[:MOST],
        now=timezone.now(),
        form=form,
    )
