"""Builds as they go over the wire."""

from typing import Any, Final

from rest_framework import serializers

from accounts.api.rows import RowSerializer
from builds.models import Artifact, Build, BuildFailure, BuildState, Resume, Variable
from builds.queries.builds import is_overdue, is_retryable_now, is_stuck, next_code, shown_value, state_of
from builds.rules import CODES, STEP, Fault, Status

SYNONYMS: Final = {"running": Status.IN_PROGRESS, "started": Status.IN_PROGRESS, "success": Status.COMPLETED}
ARTIFACT: Final = ("storage_type", "path", "size_bytes", "checksum", "metadata")
STATUSES: Final = [status.value for status in Status]
FAULTS: Final = [fault.value for fault in Fault]


class StateCodeField(serializers.IntegerField):
    """0 to 100 in fives."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": CODES[0], "max_value": CODES[-1], **kwargs})

    def to_internal_value(self, data: Any) -> int:
        code = super().to_internal_value(data)
        if code % STEP:
            raise serializers.ValidationError("Give a multiple of 5.")
        return code


class ChecksumField(serializers.RegexField):
    """SHA-256 in hex, with or without `sha256:` before it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"\A(sha256:)?[0-9a-fA-F]{64}\Z", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return "sha256:" + super().to_internal_value(data).lower().removeprefix("sha256:")


class BuildCreateRequest(serializers.Serializer[Any]):
    platform = serializers.CharField(max_length=63)
    os_version = serializers.CharField(max_length=63)
    image_type = serializers.CharField(max_length=63)
    build_id = serializers.CharField(max_length=255, help_text="Your own name of it, once in the tenant.")
    project = serializers.CharField(max_length=63, required=False, default="", allow_blank=True)
    parent = serializers.CharField(  # type: ignore[assignment]  # a field of that name
        max_length=255, required=False, default="", allow_blank=True,
        help_text="The build whose image it is made from, by id or build_id.",
    )  # fmt: skip
    pipeline_url = serializers.URLField(max_length=2048, required=False, allow_blank=True)
    commit_hash = serializers.CharField(max_length=255, required=False, allow_blank=True)
    metadata = serializers.DictField(required=False)
    tenant_id = serializers.CharField(max_length=63, required=False, default="")


class BuildCreatedResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Names the build in every other call.")
    build_id = serializers.CharField()
    status = serializers.ChoiceField(["created", "existing"])
    current_state = serializers.IntegerField()
    platform = serializers.CharField()
    os_version = serializers.CharField()
    image_type = serializers.CharField()
    project = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class BuildResponse(RowSerializer):  # out of `builds_listed`
    platform = serializers.CharField(source="platform_slug")
    os_version = serializers.CharField(source="os_version_slug")
    image_type = serializers.CharField(source="image_type_slug")
    project = serializers.CharField(source="project_slug", allow_null=True)
    current_state = serializers.IntegerField(source="state_code")
    state_name = serializers.SerializerMethodField()
    phase = serializers.SerializerMethodField()
    percent = serializers.IntegerField(source="state_code")
    next_code = serializers.SerializerMethodField(help_text="The milestone after it, while it goes on.")
    retryable_now = serializers.SerializerMethodField(help_text="Would its code be taken as a retry?")
    overdue = serializers.SerializerMethodField(help_text="Longer in its state than twice the expected.")
    stuck = serializers.SerializerMethodField(help_text="Its heartbeats stopped.")
    cancel_requested = serializers.SerializerMethodField()
    metadata = serializers.DictField()
    transitioned_at = serializers.DateTimeField(source="entered_at")

    class Meta:
        model = Build
        fields: tuple[str, ...] = (
            "id", "build_id", "platform", "os_version", "image_type", "project", "parent",
            "pipeline_url", "commit_hash", "metadata", "current_state", "state_code", "status", "state_name",
            "phase",
            "percent", "next_code", "attempt", "high_water_code", "message", "reason", "fault",
            "retryable_now", "overdue", "stuck", "cancel_requested", "run_id", "progress", "started_at",
            "transitioned_at", "heartbeat_at", "ended_at", "revoked_at", "revoked_because", "created_at",
            "updated_at",
        )  # fmt: skip

    def get_state_name(self, build: Build) -> str:
        return state_of(build).name

    def get_phase(self, build: Build) -> str:
        return state_of(build).phase

    def get_next_code(self, build: Build) -> int | None:
        return next_code(build)

    def get_retryable_now(self, build: Build) -> bool:
        return is_retryable_now(build)

    def get_overdue(self, build: Build) -> bool:
        return is_overdue(build)

    def get_stuck(self, build: Build) -> bool:
        return is_stuck(build)

    def get_cancel_requested(self, build: Build) -> bool:
        return build.cancel_requested_at is not None


class StateReportRequest(serializers.Serializer[Any]):
    state_code = StateCodeField()
    status = serializers.ChoiceField(
        [*STATUSES, *SYNONYMS],
        required=False,
        help_text="Without it: in_progress, and at 100 completed. running, started, success mean the same.",
    )
    message = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    run_id = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)
    expected_state = StateCodeField(
        required=False, allow_null=True, default=None, help_text="409 when it is at another one."
    )
    occurred_at = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="What is older than the build is only noted."
    )
    metadata = serializers.DictField(required=False, default=dict)
    artifact_storage_type = serializers.CharField(max_length=50, required=False)
    artifact_path = serializers.CharField(max_length=2048, required=False)
    artifact_size_bytes = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False)
    artifact_checksum = ChecksumField(required=False)
    artifact_metadata = serializers.DictField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        status = attrs.get("status")
        attrs["status"] = None if status is None else Status(SYNONYMS.get(status, status))
        if attrs["status"] == Status.PENDING and attrs["state_code"]:
            raise serializers.ValidationError({"status": ["Only state 0 is pending."]})
        if ("artifact_storage_type" in attrs) != ("artifact_path" in attrs):
            raise serializers.ValidationError({"artifact_path": ["Give it together with the storage type."]})
        given = {name: attrs.pop(f"artifact_{name}", None) for name in ARTIFACT}
        attrs["artifact"] = {name: value for name, value in given.items() if value is not None}
        return attrs


class StateReportedResponse(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="`updated`")
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    new_state = serializers.IntegerField()
    build_status = serializers.ChoiceField(STATUSES)
    attempt = serializers.IntegerField()
    changed = serializers.BooleanField(help_text="False: it was told before, or came too late to count.")
    cancel_requested = serializers.BooleanField(help_text="True: stop, and report the status cancelled.")


class HistoryRow(RowSerializer):
    timestamp = serializers.DateTimeField(source="at")
    metadata = serializers.DictField()
    artifact = serializers.DictField()
    duration_seconds = serializers.FloatField(allow_null=True, help_text="In this state and attempt.")

    class Meta:
        model = BuildState
        fields: tuple[str, ...] = (
            "seq", "state_code", "status", "attempt", "message", "reason", "fault", "run_id", "metadata",
            "artifact", "applied", "timestamp", "occurred_at", "entered_at", "left_at", "outcome",
            "duration_seconds",
        )  # fmt: skip


class StateResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    current_state = serializers.IntegerField()
    status = serializers.ChoiceField(STATUSES)
    attempt = serializers.IntegerField()
    message = serializers.CharField(allow_blank=True)
    transitioned_at = serializers.DateTimeField()
    last_updated = serializers.DateTimeField()
    history = HistoryRow(many=True, help_text="The newest 200, the newest first.")


class FailureRequest(serializers.Serializer[Any]):
    error_message = serializers.CharField(max_length=10_000)
    error_code = serializers.CharField(max_length=64, required=False, allow_blank=True)
    component = serializers.CharField(max_length=100, required=False, allow_blank=True)
    details = serializers.DictField(required=False)
    fault = serializers.ChoiceField(FAULTS, required=False)
    retryable = serializers.BooleanField(required=False)
    state_code = StateCodeField(
        required=False, allow_null=True, default=None, help_text="409 when it is at another one."
    )
    run_id = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)


class FailureResponse(RowSerializer):
    details = serializers.DictField()

    class Meta:
        model = BuildFailure
        fields: tuple[str, ...] = (
            "id", "state_code", "attempt", "error_message", "error_code", "component", "details", "fault",
            "retryable", "occurrences", "created_at", "last_at", "resolved_at", "resolution",
        )  # fmt: skip


class FailureRecordedResponse(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="`recorded`")
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    failure_id = serializers.UUIDField()
    current_state = serializers.IntegerField()
    attempt = serializers.IntegerField()
    occurrences = serializers.IntegerField()
    retryable_now = serializers.BooleanField()
    changed = serializers.BooleanField()


class HeartbeatRequest(serializers.Serializer[Any]):
    run_id = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)
    progress = serializers.IntegerField(min_value=0, max_value=100, required=False, allow_null=True)
    message = serializers.CharField(max_length=10_000, required=False, allow_blank=True)


class HeartbeatResponse(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    cancel_requested = serializers.BooleanField(help_text="True: stop, and report the status cancelled.")
    next_due_s = serializers.IntegerField()


class CancelRequest(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=64, required=False, allow_blank=True)
    force = serializers.BooleanField(required=False, help_text="Do not wait for the run to confirm.")


class CancelResponse(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["cancel_requested", "cancelled"])
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    current_state = serializers.IntegerField()
    changed = serializers.BooleanField()


class ResumeRequest(serializers.Serializer[Any]):
    from_state = StateCodeField(
        required=False, allow_null=True, default=None, help_text="Without it: where the build stands."
    )
    reason = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    run_id = serializers.CharField(
        max_length=255,
        required=False,
        default="",
        allow_blank=True,
        help_text="The run that takes the build up; reports of the former run are refused then.",
    )


class ResumeResponse(serializers.ModelSerializer[Resume]):
    class Meta:
        model = Resume
        fields: tuple[str, ...] = (
            "id", "failed_code", "from_code", "reason", "run_id", "requested_by", "outcome", "created_at",
            "ended_at",
        )  # fmt: skip


class ResumedResponse(serializers.Serializer[Any]):
    status = serializers.CharField(help_text="`resumed`")
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    current_state = serializers.IntegerField()
    attempt = serializers.IntegerField()
    changed = serializers.BooleanField()
    resume = ResumeResponse()


class ArtifactFields(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=255)
    type = serializers.CharField(max_length=50, help_text="Such as ami, qcow2 or manifest.")
    storage_type = serializers.CharField(max_length=50, help_text="Such as s3, gcs or nfs.")
    path = serializers.CharField(max_length=2048, help_text="Only noted, never fetched.")
    state_code = StateCodeField(required=False)
    size_bytes = serializers.IntegerField(min_value=0, max_value=2**63 - 1, required=False, allow_null=True)
    checksum = ChecksumField(required=False, allow_blank=True)
    is_resumable = serializers.BooleanField(required=False)
    is_final = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    metadata = serializers.DictField(required=False)


class ArtifactResponse(serializers.ModelSerializer[Artifact]):
    metadata = serializers.DictField()

    class Meta:
        model = Artifact
        fields: tuple[str, ...] = (
            "id", "name", "type", "storage_type", "path", "state_code", "size_bytes", "checksum",
            "is_resumable", "is_final", "expires_at", "metadata", "created_at", "updated_at",
        )  # fmt: skip


class VariableRequest(serializers.Serializer[Any]):
    key = serializers.RegexField(r"\A[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
    value = serializers.CharField(max_length=65_536, allow_blank=True, trim_whitespace=False)
    is_secret = serializers.BooleanField(required=False)
    required_for_resume = serializers.BooleanField(required=False)


class VariableResponse(serializers.ModelSerializer[Variable]):
    value = serializers.SerializerMethodField("value_text", help_text="`******` when it is secret.")

    class Meta:
        model = Variable
        fields: tuple[str, ...] = (
            "key", "value", "is_secret", "required_for_resume", "set_at_code", "created_at", "updated_at",
        )  # fmt: skip

    def value_text(self, variable: Variable) -> str:
        return shown_value(variable)


class ArtifactTold(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.CharField()
    storage_type = serializers.CharField()
    path = serializers.CharField()
    checksum = serializers.CharField(allow_blank=True)
    state_code = serializers.IntegerField()


class ResumeContextResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    build_id = serializers.CharField()
    status = serializers.ChoiceField(STATUSES)
    current_state = serializers.IntegerField()
    attempt = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    failed_state = serializers.IntegerField(allow_null=True)
    last_successful_state = serializers.IntegerField(allow_null=True)
    resume_from_state = serializers.IntegerField()
    artifact = ArtifactTold(allow_null=True, help_text="The newest one to go on from.")
    artifacts = ArtifactTold(many=True)
    variables = serializers.DictField(child=serializers.CharField())
    secret_variables = serializers.ListField(child=serializers.CharField())
