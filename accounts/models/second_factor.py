"""What a person needs beside the password: an authenticator app, and codes for when it is lost."""

from django.conf import settings
from django.db import models


class SecondFactor(models.Model):
    """Counts once it is confirmed by a first code. `secret` is sealed; recovery codes are kept as hashes."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="second_factor"
    )
    secret = models.TextField()
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0, help_text="The last time step whose code was used.")
    recovery_hashes = models.JSONField(default=list)
    failures = models.PositiveIntegerField(default=0, help_text="Wrong codes since the last right one.")
    failed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Second factor of {self.user}"
