"""CloudEvents on the paths of events: how they are told in the OpenAPI document, and who takes them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from accounts.principals import Principal
from usage.cloudevents import Mode, take_batched, take_binary, take_structured
from usage.services.events import batch_accept, event_accept


class CloudEventRequest(serializers.Serializer[Any]):
    """Documents a CloudEvent in JSON; usage.cloudevents reads it. Other attributes are extensions."""

    specversion = serializers.ChoiceField(["1.0"])
    id = serializers.CharField(help_text="With `source` the event's identity: event_id is `<source>|<id>`.")
    source = serializers.CharField(  # type: ignore[assignment]  # of the document, not of the serializer
        help_text="URI-reference; the service_provider unless data names one."
    )
    type = serializers.CharField(help_text="The event_type and service_type unless data names them.")
    subject = serializers.CharField(required=False, help_text="The user_id unless data names one.")
    time = serializers.DateTimeField(required=False, help_text="The timestamp unless data names one.")
    datacontenttype = serializers.CharField(required=False, help_text="A JSON media type, the default.")
    dataschema = serializers.CharField(required=False, help_text="URI; kept in metadata, as extensions are.")
    tenantid = serializers.CharField(
        required=False,
        help_text="Slug or UUID, unless data holds a tenant_id; default: the caller's own.",
    )
    data = serializers.DictField(  # type: ignore[assignment]
        child=serializers.JSONField(), required=False, help_text="Fields of a native event; they win."
    )
    data_base64 = serializers.CharField(required=False, help_text="The same, as Base64 of JSON.")


HEADERS: Final = [
    OpenApiParameter(f"ce-{name}", OpenApiTypes.STR, OpenApiParameter.HEADER, description=text)
    for name, text in {
        "specversion": "Binary mode: attributes in headers, extensions too, and the data as the body.",
        "id": "Values percent-encode what is not visible ASCII.",
        "source": "",
        "type": "",
        "subject": "",
        "time": "",
    }.items()
]


def cloud_accept(*, by: Principal, mode: Mode, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The answer to one event or to a batch, as the mode says; errors as for native ones."""
    home = _home(by)
    if mode is Mode.BATCHED:
        return batch_accept(by=by, body=body, take=partial(take_batched, home=home))
    if mode is Mode.STRUCTURED:
        return event_accept(by=by, body=body, take=partial(take_structured, home=home))
    return event_accept(by=by, body=body, take=partial(take_binary, headers=headers, home=home))


def _home(principal: Principal) -> str:
    """The tenant of events that name none; platform staff have to name it."""
    if principal.tenant is None and principal.platform:
        return ""
    return (principal if principal.tenant else principal.enter(None)).home.slug
