"""For `--hypothesis-profile=fuzz`: many more cases than `make test` has time for."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "fuzz", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
