"""Rows for tests, as plain functions: only what a test says differs from the default."""

from functools import cache
from typing import Any, Final

from django.contrib.auth.hashers import Argon2PasswordHasher, make_password

from accounts.keyring import hash_key, new_key, prefix_of
from accounts.models import ApiKey, Membership, Tenant, User

PASSWORD: Final = "correct horse battery staple"


class QuickArgon2(Argon2PasswordHasher):
    """Argon2 is slow by design; the tests sign in hundreds of times."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@cache
def _password_hash() -> str:
    return make_password(PASSWORD)


def make_tenant(slug: str, **fields: Any) -> Tenant:
    return Tenant.objects.create(slug=slug, **{"name": slug.title(), **fields})


def make_user(
    name: str, tenant: Tenant | None = None, role: str = Membership.Role.MEMBER, **fields: Any
) -> User:
    """`<name>@example.com` with PASSWORD, a member of `tenant` if one is given."""
    user = User.objects.create(**{"email": f"{name}@example.com", "password": _password_hash(), **fields})
    if tenant is not None:
        Membership.objects.create(tenant=tenant, user=user, role=role)
    return user


def make_key(tenant: Tenant, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
    """The row and the key itself, which is nowhere else."""
    key = new_key()
    row = ApiKey.objects.create(
        tenant=tenant,
        prefix=prefix_of(key),
        key_hash=hash_key(key),
        scopes=list(scopes),
        **{"name": "+".join(scopes), **fields},
    )
    return row, key
