"""The names of cloud providers. Any name is good; those that are known by several become one."""

from typing import Final

SYNONYMS: Final = {
    "amazon": "aws",
    "amazon web services": "aws",
    "amazon web services, inc.": "aws",
    "microsoft": "azure",
    "microsoft azure": "azure",
    "google": "gcp",
    "google cloud": "gcp",
    "google cloud platform": "gcp",
    "oracle": "oci",
    "oracle cloud": "oci",
    "oracle cloud infrastructure": "oci",
    "g-core": "gcore",
    "g-core labs": "gcore",
}


def provider_of(name: str) -> str:
    """`aws`, `azure`, `gcp`, `oci`, `gcore` for what they are also called; any other name in lower case."""
    plain = " ".join(name.lower().split())
    return SYNONYMS.get(plain, plain)
