-- no-transaction
-- As 0015, of deliveries that are not over.
CREATE INDEX CONCURRENTLY deliveries_open ON deliveries (promised_at, id)
    WHERE status IN ('SCHEDULED', 'ASSIGNED', 'PICKED_UP', 'RETRY_SCHEDULED');
