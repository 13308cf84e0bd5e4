"""Signing in and out, and the way to an account."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.addresses import client_address
from accounts.api.base import NoStoreMixin, validated
from accounts.errors import PermissionRefused
from accounts.models.users import validate_username
from accounts.services.federation import federated_sign_in
from accounts.services.passwords import password_reset_confirm, password_reset_request, user_register
from accounts.services.sessions import TokenPair, session_close, session_refresh, session_sign_in
from accounts.throttles import throttle_sign_in


class PasswordField(serializers.CharField):
    """Kept exactly as typed, bounded so that hashing it stays cheap."""

    def __init__(self, **kwargs: Any) -> None:
        style = {"input_type": "password"}
        super().__init__(**{"max_length": 1024, "trim_whitespace": False, "style": style, **kwargs})


class CodeField(serializers.CharField):
    """Of whoever has a second factor."""

    def __init__(self, **kwargs: Any) -> None:
        text = "One-time code of the authenticator app, or a recovery code."
        super().__init__(max_length=40, default="", allow_blank=True, help_text=text, **kwargs)


class SignInRequest(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254, required=False, help_text="Username or e-mail address.")
    email = serializers.CharField(max_length=254, required=False, help_text="The same; give one of both.")
    password = PasswordField()
    code = CodeField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        name = attrs.get("username") or attrs.get("email")
        if not name:
            raise serializers.ValidationError({"username": "Give a username or an e-mail address."})
        return {"name": name, "password": attrs["password"], "code": attrs["code"]}


class IdmRequest(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=254, required=False, default="")
    password = PasswordField(required=False)
    code = CodeField()
    idm_token = serializers.CharField(
        max_length=16384, required=False, help_text="ID token of a configured issuer."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "idm_token" not in attrs and not (attrs["username"] and "password" in attrs):
            raise serializers.ValidationError({"idm_token": "Give an ID token, or username and password."})
        return attrs


class IdTokenRequest(serializers.Serializer[Any]):
    id_token = serializers.CharField(max_length=16384)


class RefreshRequest(serializers.Serializer[Any]):
    refresh_token = serializers.CharField(max_length=4096, required=False)
    refresh = serializers.CharField(max_length=4096, required=False, help_text="Other name of it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        token = attrs.get("refresh_token") or attrs.get("refresh")
        if not token:
            raise serializers.ValidationError({"refresh_token": "This field is required."})
        return {"token": token}


class RegisterRequest(serializers.Serializer[Any]):
    username = serializers.CharField(
        required=False, allow_null=True, default=None, validators=[validate_username]
    )
    email = serializers.EmailField(max_length=254)
    password = PasswordField(min_length=8)


class PasswordResetRequest(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)


class PasswordResetConfirmRequest(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=200, help_text="The code from the mail.")
    password = PasswordField(min_length=8)


class TokenPairResponse(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField(help_text="Works exactly once; a second use ends its family.")
    token_type = serializers.CharField(default="bearer")
    expires_in = serializers.IntegerField(help_text="Seconds that the access token lives.")


class SignedInUser(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    user_id = serializers.UUIDField(source="id")
    username = serializers.CharField(allow_null=True)
    email = serializers.EmailField()
    is_superuser = serializers.BooleanField()


class TokenPairUserResponse(TokenPairResponse):
    user = SignedInUser()


class RegisterResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    username = serializers.CharField(allow_null=True)
    role = serializers.CharField(default="user")
    is_active = serializers.BooleanField()


class MessageResponse(serializers.Serializer[Any]):
    message = serializers.CharField()


class OpenView(NoStoreMixin):
    """A door for those who have no credential yet: a stale one that came along does not bar it."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def count(self, request: Request, account: str, *, guessed: bool = True) -> None:
        """Count one attempt of this address at this account, or RateLimited."""
        verdict = throttle_sign_in(client_address(request.META), account, guessed=guessed)
        request._request.rate_verdict = verdict  # type: ignore[attr-defined]


def _pair(pair: TokenPair, **more: Any) -> Response:
    lifetime = int(settings.ACCESS_TOKEN_LIFETIME.total_seconds())
    tokens = {"access_token": pair.access, "refresh_token": pair.refresh}
    return Response({**tokens, "token_type": "bearer", "expires_in": lifetime, **more})


class SignInView(OpenView):
    """Sign in with a username or e-mail address and a password."""

    def sign_in(self, request: Request) -> TokenPair:
        given = validated(SignInRequest, request)
        self.count(request, given["name"])
        return session_sign_in(**given)

    @extend_schema(request=SignInRequest, responses=TokenPairResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        return _pair(self.sign_in(request))


class TokenView(SignInView):
    """The same, also as a form (OAuth 2 clients send one)."""

    parser_classes = (*NoStoreMixin.parser_classes, FormParser)


class PasswordSignInView(SignInView):
    """The same, and who signed in."""

    @extend_schema(request=SignInRequest, responses=TokenPairUserResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        pair = self.sign_in(request)
        return _pair(pair, user=SignedInUser(pair.user).data)


class IdmView(OpenView):
    """Sign in through the organisation's identity provider; off (403) until one is configured.

    With `idm_token`, an ID token of a configured OpenID Connect issuer; `username`, if given, must be
    the person of the token. Without it, username and password as kept here.
    """

    @extend_schema(request=IdmRequest, responses=TokenPairUserResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        given = validated(IdmRequest, request)
        self.count(request, given["username"] or "federated", guessed=bool(given["username"]))
        _require_issuer()
        if "idm_token" in given:
            pair = federated_sign_in(token=given["idm_token"], username=given["username"])
        else:
            pair = session_sign_in(
                name=given["username"], password=given["password"], code=given["code"], method="idm"
            )
        return _pair(pair, user={**SignedInUser(pair.user).data, "type": "idm"})


class FederatedView(OpenView):
    """Exchange an ID token of a configured OpenID Connect issuer, Firebase among them, for a pair."""

    @extend_schema(request=IdTokenRequest, responses=TokenPairResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        given = validated(IdTokenRequest, request)
        self.count(request, "federated", guessed=False)
        _require_issuer()
        return _pair(federated_sign_in(token=given["id_token"]))


class RefreshView(OpenView):
    """The next pair. A refresh token works once; used a second time it ends the whole sign-in."""

    @extend_schema(request=RefreshRequest, responses=TokenPairResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        token = validated(RefreshRequest, request)["token"]
        # The signature stands for the sign-in that is renewed.
        self.count(request, token[-43:], guessed=False)
        return _pair(session_refresh(token=token))


class LogoutView(OpenView):
    """End the sign-in that a refresh token belongs to."""

    @extend_schema(
        request=RefreshRequest, responses={204: OpenApiResponse(description="Ended")}, tags=["auth"], auth=[]
    )
    def post(self, request: Request) -> Response:
        session_close(token=validated(RefreshRequest, request)["token"])
        return Response(status=204)


class RegisterView(OpenView):
    """Open an account, where registration is open (else 403). 409 when the address or name is taken."""

    @extend_schema(request=RegisterRequest, responses={201: RegisterResponse}, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        given = validated(RegisterRequest, request)
        self.count(request, "register", guessed=False)
        user = user_register(**given)
        return Response({**RegisterResponse(user).data, "role": "user"}, status=201)


class PasswordResetView(OpenView):
    """Ask for a mail with a code; the answer is the same whether there is an account or not."""

    @extend_schema(request=PasswordResetRequest, responses={202: MessageResponse}, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        email = validated(PasswordResetRequest, request)["email"]
        self.count(request, email)
        password_reset_request(email=email)
        return Response({"message": "If there is such an account, a mail is on its way."}, status=202)


class PasswordResetConfirmView(OpenView):
    """Set a new password by the mailed code; every sign-in of the account ends."""

    @extend_schema(request=PasswordResetConfirmRequest, responses=MessageResponse, tags=["auth"], auth=[])
    def post(self, request: Request) -> Response:
        given = validated(PasswordResetConfirmRequest, request)
        self.count(request, given["token"].partition(".")[0])
        password_reset_confirm(code=given["token"], password=given["password"])
        return Response({"message": "The new password is set; sign in with it."})


def _require_issuer() -> None:
    if not settings.OIDC_ISSUERS:
        raise PermissionRefused("Federated sign-in is off: OIDC_ISSUERS names no identity provider.")
