"""A meter's figures as a table for spreadsheets."""

from collections.abc import Iterator
from datetime import UTC
from typing import Any

from accounts.streams import Parts
from accounts.tables import FORMATS, Column, Kind
from usage.models import Meter
from usage.queries.meters import Answer, Question


def meter_parts(format: str, meter: Meter, question: Question, answer: Answer) -> Parts:
    """The file piece by piece; `format` is one of accounts.tables. A group that events lack is empty."""
    names = [Column(".".join(path)) for path in question.group_by]
    ends = (Column("start", Kind.MOMENT), Column("end", Kind.MOMENT))
    columns = [*ends, *names, Column("value", Kind.DECIMAL), Column("unit")]
    return FORMATS[format].parts(meter.name, columns, _rows(meter, answer))


def _rows(meter: Meter, answer: Answer) -> Iterator[list[Any]]:
    for row in answer.rows:
        yield [row.start.astimezone(UTC), row.end.astimezone(UTC), *row.group, row.value, meter.unit]
