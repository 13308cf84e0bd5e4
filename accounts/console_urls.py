"""The console's pages about people, tenants and keys, under /console/."""

from django.urls import path

from accounts.pages import (
    activity,
    invitation,
    keys,
    members,
    passwords,
    profile,
    second_factor,
    sign_in,
    tenants,
    unsubscribe,
    webhooks,
)

urlpatterns = [
    path("/sign-in", sign_in.sign_in, name="sign-in"),
    path("/second-factor", second_factor.second_factor, name="second-factor"),
    path("/forgotten-password", passwords.forgotten_password, name="forgotten-password"),
    path("/new-password/<str:code>", passwords.new_password, name="new-password"),
    path("/sign-out", sign_in.sign_out, name="sign-out"),
    path("/tenants", tenants.tenants, name="tenants"),
    path("/activity", activity.activity, name="activity"),
    path("/keys", keys.keys, name="keys"),
    path("/keys/<uuid:pk>/revoke", keys.key_revoke, name="key-revoke"),
    path("/keys/<uuid:pk>/rotate", keys.key_rotate, name="key-rotate"),
    path("/webhooks", webhooks.webhooks, name="webhooks"),
    path("/webhooks/<uuid:pk>", webhooks.one_webhook, name="webhook"),
    path("/webhooks/<uuid:pk>/messages/<uuid:delivery>", webhooks.delivery_retry, name="delivery-retry"),
    path("/members", members.members, name="members"),
    path("/members/invite", members.invite, name="invite"),
    path("/members/invitations/<uuid:pk>/withdraw", members.withdraw, name="invitation-withdraw"),
    path("/invitation/<str:code>", invitation.invitation, name="invitation"),
    path("/unsubscribe/<str:token>", unsubscribe.unsubscribe, name="unsubscribe"),
    path("/profile", profile.profile, name="profile"),
    path("/profile/mail", profile.mail, name="profile-mail"),
]
