-- no-transaction
-- As 0030, of deliveries.
CREATE INDEX CONCURRENTLY deliveries_promised ON deliveries (pizzeria, promised_at, id);
