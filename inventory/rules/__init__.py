"""The rules that recommendations come from, each a small class of its own."""

from typing import Final

from inventory.rules.base import ResourceRule, Rule, TenantRule
from inventory.rules.commitment_coverage import CommitmentCoverage
from inventory.rules.commitment_expiring import CommitmentExpiring
from inventory.rules.commitment_unused import CommitmentUnused
from inventory.rules.idle_balancer import IdleBalancer
from inventory.rules.idle_database import IdleDatabase
from inventory.rules.idle_machine import IdleMachine
from inventory.rules.off_hours import OffHours
from inventory.rules.old_generation import OldGeneration
from inventory.rules.old_snapshot import OldSnapshot
from inventory.rules.orphan_snapshot import OrphanSnapshot
from inventory.rules.oversized_machine import OversizedMachine
from inventory.rules.region_outlier import RegionOutlier
from inventory.rules.stopped_machine import StoppedMachine
from inventory.rules.unattached import UnattachedVolume, UnusedAddress
from inventory.rules.untagged import Ownerless, Untagged

RESOURCE_RULES: Final[tuple[type[ResourceRule], ...]] = (
    IdleMachine, OversizedMachine, OffHours, StoppedMachine, UnattachedVolume, UnusedAddress, OldSnapshot,
    OrphanSnapshot, IdleDatabase, IdleBalancer, OldGeneration, CommitmentExpiring, Untagged, Ownerless,
    RegionOutlier,
)  # fmt: skip
TENANT_RULES: Final[tuple[type[TenantRule], ...]] = (CommitmentCoverage, CommitmentUnused)
RULES: Final[dict[str, type[Rule]]] = {rule.key: rule for rule in (*RESOURCE_RULES, *TENANT_RULES)}
