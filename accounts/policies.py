"""A migration's operation that has PostgreSQL show a table's rows to their tenant alone.

The policies hold for every role but the tables' owner: for ROLE of accounts.row_security, and for any other
that somebody lets read. Whoever says no tenant sees nothing. There are none on SQLite, nor on a cluster of
Citus, which refuses them.
"""

from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db.migrations.operations.base import Operation, OperationCategory

# Bare, so that the planner knows whose rows it looks for, in each table, and takes it for the tenant that the
# query names itself: what is left of the policies is one test for the whole query. In a subquery it would
# be unknown, and a large tenant's rows guessed to be a few. A setting that was reset is an empty text.
TENANT: Final = "nullif(current_setting('app.tenant', true), '')::uuid"
POLICY: Final = "tenant_rows"
NOBODYS: Final = "nobodys_rows"


class Also(StrEnum):
    """What else a tenant may do with the rows of nobody: those without a tenant."""

    READ = "FOR SELECT USING ({})"
    WRITE = "FOR INSERT WITH CHECK ({})"


class SecureRows(Operation):
    """ENABLE ROW LEVEL SECURITY and the policies of one table.

    `column` is the tenant's; a model without one is its parent's, named by the foreign key in `through`.
    Locks the table for a moment and none for longer, in a migration with `atomic = False`. It may be run
    again after it was ended half-way.
    """

    reversible = True
    category = OperationCategory.SQL

    def __init__(
        self, model_name: str, *, column: str = "tenant_id", through: str = "", also: Also | None = None
    ) -> None:
        self.model_name = model_name
        self.column = column
        self.through = through
        self.also = also

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor != "postgresql" or settings.DATABASE_DISTRIBUTED:
            return
        model = after.apps.get_model(app_label, self.model_name)
        table = editor.quote_name(model._meta.db_table)
        made = [f"CREATE POLICY {policy}" for policy in self._policies(editor, model)]
        self._do(editor, *_dropped(table), *made, f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")

    def database_backwards(self, app_label: str, editor: Any, before: Any, after: Any) -> None:
        if editor.connection.vendor != "postgresql":
            return
        table = editor.quote_name(before.apps.get_model(app_label, self.model_name)._meta.db_table)
        self._do(editor, *shown_to_all(table))

    def describe(self) -> str:
        return f"Show the rows of {self.model_name} to their tenant alone"

    def _do(self, editor: Any, *steps: str) -> None:
        """Sent as one, they are one transaction."""
        editor.execute("; ".join(steps), params=None)

    def _policies(self, editor: Any, model: Any) -> list[str]:
        table = editor.quote_name(model._meta.db_table)
        own = self._rows(editor, model, f"= {TENANT}")
        policies = [f"{POLICY} ON {table} USING ({own}) WITH CHECK ({own})"]
        if self.also is not None:
            policies.append(f"{NOBODYS} ON {table} {self.also.format(self._rows(editor, model, 'IS NULL'))}")
        return policies

    def _rows(self, editor: Any, model: Any, test: str) -> str:
        """A condition: the rows whose tenant passes the test."""
        if not self.through:
            return f"{editor.quote_name(self.column)} {test}"
        link = model._meta.get_field(self.through)
        table, column = model._meta.db_table, link.column
        parent = link.related_model._meta.db_table
        return (
            f'EXISTS (SELECT FROM "{parent}" AS parent'
            f' WHERE parent.id = "{table}"."{column}" AND parent.tenant_id {test})'
        )


def shown_to_all(table: str) -> list[str]:
    """The statements that take a table's policies back; its name is quoted already."""
    return [f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", *_dropped(table)]


def _dropped(table: str) -> list[str]:
    return [f"DROP POLICY IF EXISTS {name} ON {table}" for name in (POLICY, NOBODYS)]
