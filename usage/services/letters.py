"""Dead letters: store again what was set aside."""

from collections.abc import Sequence

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.principals import Principal
from accounts.services.logs import audit
from usage import ledger
from usage.models import DeadLetter


def dead_letters_replay(*, ids: Sequence[int], by: Principal) -> int:
    """Store the events of dead letters again; how many letters were replayed.

    A letter whose events are refused once more keeps its place and gets the new reason.
    """
    replayed = 0
    for letter in DeadLetter.objects.filter(pk__in=ids, status=DeadLetter.Status.DEAD):
        replayed += _replay(letter, by)
    return replayed


def _replay(letter: DeadLetter, by: Principal) -> bool:
    try:
        if letter.tenant_id is None:
            raise ValueError("the tenant of this entry is not known")
        rows = ledger.read_rows(letter.payload.encode())
        with transaction.atomic():
            open_letters = DeadLetter.objects.filter(pk=letter.pk, status=DeadLetter.Status.DEAD)
            if not open_letters.update(status=DeadLetter.Status.REPLAYED, replayed_at=timezone.now()):
                return False
            lot = ledger.Lot(str(letter.tenant_id), letter.created_at, rows, letter.entry_id)
            if ledger.Status.CONFLICT in ledger.store([lot])[0]:
                raise ValueError(ledger.CONFLICT)
            audit(by=by, action="dead_letter.replayed", tenant=letter.tenant, subject=letter)
    except (ValueError, msgspec.MsgspecError, *ledger.REFUSALS) as error:
        DeadLetter.objects.filter(pk=letter.pk).update(reason=str(error)[:2000])
        return False
    return True
