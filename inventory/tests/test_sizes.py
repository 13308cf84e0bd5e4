"""Sizes next below and successors are ones that there are, at the share of the price that they have."""

import pytest

from inventory.generations import successor
from inventory.sizes import smaller


@pytest.mark.parametrize(
    ("size", "below", "share"),
    [
        ("m6i.2xlarge", "m6i.xlarge", "0.5"),
        ("m6i.12xlarge", "m6i.8xlarge", "0.66666666666666666667"),
        ("m5.24xlarge", "m5.16xlarge", "0.66666666666666666667"),
        ("m4.10xlarge", "m4.4xlarge", "0.4"),
        ("c5.9xlarge", "c5.4xlarge", "0.44444444444444444444"),
        ("c5n.18xlarge", "c5n.9xlarge", "0.5"),
        ("t3.nano", None, ""),
        ("t3.micro", "t3.nano", "0.5"),
        ("m6i.large", None, ""),
        ("m7g.large", "m7g.medium", "0.5"),
        ("m7i-flex.xlarge", "m7i-flex.large", "0.5"),
        ("Standard_D4s_v5", "Standard_D2s_v5", "0.5"),
        ("Standard_E64bs_v5", "Standard_E48bs_v5", "0.75"),
        ("Standard_E20s_v5", "Standard_E16s_v5", "0.8"),
        ("Standard_D2s_v5", None, ""),
        ("Standard_B4ms", "Standard_B2ms", "0.5"),
        ("Standard_B2ms", None, ""),
        ("n1-standard-2", "n1-standard-1", "0.5"),
        ("n1-highmem-2", None, ""),
        ("n2-standard-48", "n2-standard-32", "0.66666666666666666667"),
        ("e2-highmem-4", "e2-highmem-2", "0.5"),
        ("g1-standard-4-8", "g1-standard-2-4", "0.5"),
    ],
)
def test_the_size_next_below(size: str, below: str | None, share: str) -> None:
    found = smaller(size)
    assert (found and found.size, str(found.share.normalize()) if found else "") == (below, share)


@pytest.mark.parametrize(
    "size",
    [
        "m5.metal", "c5.8xlarge", "g4dn.xlarge", "p3.8xlarge", "x1.32xlarge", "t1.micro", "m5.tiny",
        "Standard_D3_v2", "Standard_DS3_v2", "Standard_E8-4s_v5", "Standard_NC6", "Standard_B2s",
        "Standard_L8s_v3", "c2-standard-30", "a2-highgpu-1g", "custom-4-8192",
    ],
)  # fmt: skip
def test_a_family_whose_prices_nobody_knows(size: str) -> None:
    with pytest.raises(KeyError):
        smaller(size)


@pytest.mark.parametrize(
    ("provider", "size", "newer"),
    [
        ("aws", "t2.medium", "t3.medium"),
        ("aws", "t1.micro", "t3.micro"),
        ("aws", "m4.16xlarge", "m6a.16xlarge"),
        ("aws", "r3.8xlarge", "r5.8xlarge"),
        ("aws", "gp2", "gp3"),
        ("aws", "m1.small", None),  # m5 begins with large
        ("aws", "m4.10xlarge", None),
        ("aws", "c4.8xlarge", None),
        ("aws", "c5.18xlarge", None),
        ("aws", "m5.metal", None),  # m6a's has twice the processors
        ("aws", "m5d.large", None),
        ("gcp", "n1-standard-4", None),
        ("azure", "m4.large", None),
    ],
)
def test_a_successor_is_a_size_that_there_is(provider: str, size: str, newer: str | None) -> None:
    found = successor(provider, size)
    assert (found and found.size) == newer
