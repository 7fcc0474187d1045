-- no-transaction
-- A customer sees their own deliveries, and looks at nobody else's to find them.
CREATE INDEX CONCURRENTLY deliveries_customer ON deliveries (customer, scheduled_at, id) WHERE customer IS NOT NULL;
