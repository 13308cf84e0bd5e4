from typing import Any

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from accounts.api import auth
from accounts.api.activity import ActivityView
from accounts.api.deliveries import DeliveryViewSet
from accounts.api.invitations import AcceptInvitationView, InvitationsViewSet
from accounts.api.keys import ApiKeyViewSet
from accounts.api.mail import MailPreferencesView
from accounts.api.me import AdminPingView, MeView
from accounts.api.tenants import MembersViewSet, TenantsViewSet
from accounts.api.users import MeViewSet, UserViewSet
from accounts.api.webhooks import WebhookViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("users", UserViewSet, basename="user")
router.register("api-keys", ApiKeyViewSet, basename="api-key")
router.register("webhooks", WebhookViewSet, basename="webhook")

me: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update"}
tenants = [
    path("", TenantsViewSet.as_view({"get": "list", "post": "create"})),
    path("/<str:tenant_id>", TenantsViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("/<str:tenant_id>/members", MembersViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "/<str:tenant_id>/members/<uuid:user_id>",
        MembersViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
    ),
    path("/<str:tenant_id>/invitations", InvitationsViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "/<str:tenant_id>/invitations/<uuid:invitation_id>",
        InvitationsViewSet.as_view({"delete": "destroy"}),
    ),
]
deliveries = [
    path("", DeliveryViewSet.as_view({"get": "list"})),
    path("/<uuid:delivery_id>/redeliver", DeliveryViewSet.as_view({"post": "redeliver"})),
]

urlpatterns = [
    path("token", auth.TokenView.as_view()),
    path("auth/login", auth.SignInView.as_view()),
    path("auth/password", auth.PasswordSignInView.as_view()),
    path("auth/idm", auth.IdmView.as_view()),
    path("auth/firebase", auth.FederatedView.as_view()),
    path("auth/refresh", auth.RefreshView.as_view()),
    path("auth/logout", auth.LogoutView.as_view()),
    path("auth/register", auth.RegisterView.as_view()),
    path("auth/password-reset", auth.PasswordResetView.as_view()),
    path("auth/password-reset/confirm", auth.PasswordResetConfirmView.as_view()),
    path("auth/invitations/accept", AcceptInvitationView.as_view()),
    path("auth/me", MeView.as_view()),
    path("auth/admin-ping", AdminPingView.as_view()),
    path("users/me", MeViewSet.as_view(me), {"pk": "me"}),
    path("tenants", include(tenants)),
    path("mail-preferences", MailPreferencesView.as_view()),
    path("activity", ActivityView.as_view()),
    path("webhooks/<uuid:webhook_id>/deliveries", include(deliveries)),
    *router.urls,
]
