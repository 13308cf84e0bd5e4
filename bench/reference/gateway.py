"""The usual way to write an ingest gateway: FastAPI, pydantic, one XADD per event.

Only the bench runs it, to compare within one run: `uvicorn bench.reference.gateway:app --workers 2`.
"""

import os
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import redis.asyncio as redis
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

STREAM = "reference:events"
KEYS = {os.environ.get("BENCH_KEY", ""): os.environ.get("BENCH_TENANT", "")}

app = FastAPI()
client = redis.Redis.from_url(os.environ["REDIS_URL"])


class Event(BaseModel):
    event_id: str | None = None
    timestamp: datetime | None = None
    tenant_id: str = Field(min_length=1, max_length=255)
    user_id: str = Field(min_length=1, max_length=255)
    service_type: str = Field(min_length=1, max_length=50)
    service_provider: str = Field(min_length=1, max_length=255)
    event_type: str = Field(min_length=1, max_length=255)
    metrics: dict[str, Decimal | str] = {}
    billing_info: dict[str, Any] = {}
    tags: list[str] = []
    metadata: dict[str, Any] = {}


class Batch(BaseModel):
    events: list[Event] = Field(min_length=1, max_length=1000)


async def tenant(x_api_key: Annotated[str, Header()]) -> str:
    found = KEYS.get(x_api_key)
    if found is None:
        raise HTTPException(401)
    return found


def _fields(event: Event, owner: str) -> dict[str, str]:
    if event.tenant_id != owner:
        raise HTTPException(403)
    event.event_id = event.event_id or str(uuid.uuid4())
    event.timestamp = event.timestamp or datetime.now(UTC)
    return {"event": event.model_dump_json()}


@app.post("/api/v1/events", status_code=202)
async def create(event: Event, owner: Annotated[str, Depends(tenant)]) -> dict[str, Any]:
    await client.xadd(STREAM, _fields(event, owner))  # type: ignore[arg-type]
    return {"success": True, "event_id": event.event_id, "message": "Event received"}


@app.post("/api/v1/events/batch", status_code=202)
async def create_batch(batch: Batch, owner: Annotated[str, Depends(tenant)]) -> dict[str, Any]:
    async with client.pipeline(transaction=False) as pipe:
        for event in batch.events:
            pipe.xadd(STREAM, _fields(event, owner))  # type: ignore[arg-type]
        await pipe.execute()
    return {"success": True, "processed_count": len(batch.events), "failed_count": 0, "failed_events": []}
