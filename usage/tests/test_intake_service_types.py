"""The service types that we know, flat and nested, and every other as it is."""

from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import ValidationFailed
from usage import intake
from usage.service_types import DEFAULT_EVENT_TYPE
from usage.tests.documents import admit, as_bytes, batch, event

# Service type → what it needs: texts in metadata, numbers in metrics.
NEEDS: dict[str, tuple[dict[str, str], dict[str, int]]] = {
    "llm_service": ({"model": "gpt-4o"}, {"input_tokens": 10, "output_tokens": 5}),
    "document_processor": ({"document_type": "pdf", "processing_type": "ocr"}, {"pages_processed": 3}),
    "api_service": ({"endpoint": "/pay", "method": "POST"}, {}),
}


def flat(service_type: str, **fields: Any) -> dict[str, Any]:
    """As the older gateway wanted it; a field that is None is left out."""
    texts, numbers = NEEDS[service_type]
    return event(**{"service_type": service_type, **texts, **numbers, **fields})


def nested(service_type: str, **fields: Any) -> dict[str, Any]:
    """As the older service's README and SDK sent it."""
    texts, numbers = NEEDS[service_type]
    places: dict[str, dict[str, Any]] = {"metadata": {**texts}, "metrics": {**numbers}}
    for name, value in fields.items():
        places["metadata" if name in texts else "metrics"][name] = value
    kept = {place: {n: v for n, v in values.items() if v is not None} for place, values in places.items()}
    return event(service_type=service_type, **kept)


FORMS = pytest.mark.parametrize("form", [flat, nested])


def take(document: dict[str, Any]) -> intake.Event:
    return intake.take_one(as_bytes(document), admit)[0]


def refusal(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        intake.take_one(as_bytes(document), admit)
    assert len(caught.value.errors) == 1
    return dict(caught.value.errors[0])


@FORMS
@pytest.mark.parametrize("service_type", NEEDS)
def test_both_forms_become_the_same_event(form: Any, service_type: str) -> None:
    taken = take(form(service_type))
    texts, numbers = NEEDS[service_type]
    assert taken.metadata == texts
    assert (taken.metrics or {}) == numbers


@pytest.mark.parametrize("service_type", NEEDS)
def test_a_text_may_stand_in_metrics_too(service_type: str) -> None:
    texts, numbers = NEEDS[service_type]
    assert take(event(service_type=service_type, metrics={**texts, **numbers})).metadata is None


@pytest.mark.parametrize("service_type", NEEDS)
def test_a_known_type_has_an_event_type_of_its_own(service_type: str) -> None:
    assert take(flat(service_type, event_type=None)).event_type == DEFAULT_EVENT_TYPE[service_type]
    assert take(flat(service_type, event_type="other")).event_type == "other"


def test_the_event_types_are_the_older_services() -> None:
    assert DEFAULT_EVENT_TYPE == {
        "llm_service": "completion",
        "document_processor": "processing",
        "api_service": "request",
    }


@FORMS
@pytest.mark.parametrize(
    ("service_type", "name"),
    [
        ("llm_service", "model"),
        ("llm_service", "input_tokens"),
        ("llm_service", "output_tokens"),
        ("document_processor", "document_type"),
        ("document_processor", "processing_type"),
        ("document_processor", "pages_processed"),
        ("api_service", "endpoint"),
        ("api_service", "method"),
    ],
)
def test_what_a_known_type_needs(form: Any, service_type: str, name: str) -> None:
    error = refusal(form(service_type, **{name: None}))
    assert error == {"field": name, "message": f"missing required field '{name}'"}


@FORMS
@pytest.mark.parametrize(
    ("service_type", "name", "value", "message"),
    [
        ("llm_service", "input_tokens", 0, "it must be above 0"),
        ("llm_service", "input_tokens", -1, "it must be above 0"),
        ("llm_service", "output_tokens", -1, "it must be at least 0"),
        ("llm_service", "total_tokens", -1, "it must be at least 0"),
        ("llm_service", "latency_ms", -0.5, "it must be at least 0"),
        ("llm_service", "temperature", -0.1, "it must be at least 0"),
        ("llm_service", "temperature", 2.0001, "it must be at most 2"),
        ("llm_service", "max_tokens", 0, "it must be above 0"),
        ("document_processor", "pages_processed", 0, "it must be above 0"),
        ("document_processor", "characters_extracted", -1, "it must be at least 0"),
        ("document_processor", "processing_time_ms", -1, "it must be at least 0"),
        ("document_processor", "file_size_bytes", 0, "it must be above 0"),
        ("api_service", "request_count", 0, "it must be at least 1"),
        ("api_service", "request_count", 0.5, "it must be at least 1"),
        ("api_service", "response_time_ms", -1, "it must be at least 0"),
        ("api_service", "payload_size_bytes", -1, "it must be at least 0"),
        ("api_service", "response_size_bytes", -1, "it must be at least 0"),
        ("api_service", "status_code", 99, "it must be at least 100"),
        ("api_service", "status_code", 600, "it must be at most 599"),
    ],
)
def test_a_number_out_of_its_range(
    form: Any, service_type: str, name: str, value: float, message: str
) -> None:
    assert refusal(form(service_type, **{name: value})) == {"field": name, "message": message}


@FORMS
@pytest.mark.parametrize(
    ("service_type", "edges"),
    [
        ("llm_service", {"input_tokens": 1, "output_tokens": 0, "temperature": 0, "max_tokens": 1}),
        ("llm_service", {"input_tokens": 0.5, "temperature": 2, "total_tokens": 0, "latency_ms": 0}),
        ("document_processor", {"pages_processed": 1, "file_size_bytes": 1, "characters_extracted": 0}),
        ("api_service", {"request_count": 1, "status_code": 100, "response_time_ms": 0}),
        ("api_service", {"status_code": 599, "payload_size_bytes": 0, "response_size_bytes": 0}),
    ],
)
def test_the_ends_of_a_range_belong_to_it(form: Any, service_type: str, edges: dict[str, Any]) -> None:
    metrics = take(form(service_type, **edges)).metrics or {}
    assert {name: metrics[name] for name in edges} == {n: Decimal(str(v)) for n, v in edges.items()}


@pytest.mark.parametrize("value", ["10", True, [10], {"n": 10}])
def test_a_metric_is_a_number(value: Any) -> None:
    error = refusal(nested("llm_service", input_tokens=value))
    assert error == {"field": "input_tokens", "message": "it must be a number"}


@pytest.mark.parametrize("value", ["", 7, True, ["gpt-4o"]])
def test_a_model_is_a_text(value: Any) -> None:
    assert refusal(nested("llm_service", model=value)) == {"field": "model", "message": "it must be a text"}


def test_optional_numbers_may_be_null() -> None:
    taken = take(
        event(
            service_type="llm_service",
            metadata={"model": "m"},
            metrics={"input_tokens": 1, "output_tokens": 0, "max_tokens": None},
        )
    )
    assert taken.metrics == {"input_tokens": 1, "output_tokens": 0, "max_tokens": None}


@pytest.mark.parametrize("service_type", ["COMPUTE", "custom", "LLM_SERVICE", "Сеть", "llm_service "])
def test_any_other_type_is_taken_as_it_is(service_type: str) -> None:
    taken = take(event(service_type=service_type, metrics={"input_tokens": -1, "anything": "goes"}))
    assert (taken.service_type, taken.event_type) == (service_type, "hours")
    assert taken.metrics == {"input_tokens": -1, "anything": "goes"}


def test_any_other_type_names_its_own_event_type() -> None:
    assert refusal(event(service_type="COMPUTE", event_type=None))["field"] == "event_type"


def test_unknown_flat_fields_are_folded() -> None:
    taken = take(
        event(
            hours=1.5,
            cores=4,
            region="eu-1",
            spot=True,
            zones=["a"],
            shape={"cpu": 2},
            metrics={"gb": 8},
            metadata={"team": "a"},
        )
    )
    assert taken.metrics == {"gb": 8, "hours": Decimal("1.5"), "cores": 4}
    assert taken.metadata == {
        "team": "a",
        "region": "eu-1",
        "spot": True,
        "zones": ["a"],
        "shape": {"cpu": 2},
    }


@pytest.mark.parametrize("home", ["metrics", "metadata"])
def test_a_field_beside_and_inside_its_home_is_refused(home: str) -> None:
    value: Any = 1 if home == "metrics" else "x"
    error = refusal(event(**{home: {"twin": value}, "twin": value}))
    assert error == {"field": "twin", "message": f"it is given twice, beside and inside {home}"}


def test_a_home_that_is_no_object_is_what_is_refused() -> None:
    assert refusal(event(metrics=[1], hours=2)) == {
        "field": "metrics",
        "message": "Expected object | null, got array",
    }


def test_folding_leaves_the_other_events_of_a_batch_alone() -> None:
    taken = intake.take_batch(as_bytes(batch(event(), flat("llm_service"), event(hours=1))), admit)
    assert [e.metrics for e in taken.events] == [None, {"input_tokens": 10, "output_tokens": 5}, {"hours": 1}]
    assert [e.metadata for e in taken.events] == [None, {"model": "gpt-4o"}, None]
