"""The shared catalogue is there from the first migration on, and stays through tests that commit."""

import pytest

from accounts.models import Tenant
from builds.models import ImageType, OsVersion, Platform, StateCode, StateTemplate
from builds.rules import CODES

PHASES = {
    "queued": [0],
    "prepare": [5, 10, 15],
    "build": [20, 25, 30, 35, 40, 45],
    "configure": [50, 55, 60, 65, 70, 75],
    "verify": [80, 85, 90],
    "finalize": [95],
    "delivered": [100],
}


def counts() -> dict[str, int]:
    return {
        model.__name__: model.objects.filter(tenant=None).count()
        for model in (Platform, OsVersion, ImageType)
    }


@pytest.mark.django_db
def test_nine_platforms_ten_os_versions_and_nine_image_types_are_shared() -> None:
    assert counts() == {"Platform": 9, "OsVersion": 10, "ImageType": 9}
    rhel = OsVersion.objects.get(slug="rhel-8.8")
    assert (rhel.tenant, rhel.name, rhel.version) == (None, "Red Hat Enterprise Linux", "8.8")


@pytest.mark.django_db
@pytest.mark.parametrize("template", ["standard", "framework"])
def test_a_template_has_every_code_in_its_phase(template: str) -> None:
    codes = StateCode.objects.filter(template__slug=template)
    assert [row.code for row in codes] == list(CODES)
    assert {phase: [row.code for row in codes if row.phase == phase] for phase in PHASES} == PHASES
    assert sum(row.expected_min_minutes for row in codes) == 120
    assert sum(row.expected_max_minutes for row in codes) == 345 + 15


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", [1, 2])
def test_it_is_there_after_a_test_that_committed(run: int, acme: Tenant) -> None:
    assert counts() == {"Platform": 9, "OsVersion": 10, "ImageType": 9}
    assert StateTemplate.objects.count() == 2
    Platform.objects.create(tenant=acme, slug="own", name="Own", cloud_provider="own")
