"""The sums of the classic consumer: how many events of an hour, and what they cost."""

SUMS = """
CREATE TABLE IF NOT EXISTS reference_sums (
    tenant_id uuid, hour timestamptz, service_type text, service_provider text, event_type text,
    count bigint NOT NULL, amount numeric NOT NULL,
    PRIMARY KEY (tenant_id, hour, service_type, service_provider, event_type)
)"""
ADD = """
INSERT INTO reference_sums AS old VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, hour, service_type, service_provider, event_type)
DO UPDATE SET count = old.count + excluded.count, amount = old.amount + excluded.amount"""
