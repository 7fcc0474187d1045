-- no-transaction
-- The most urgent orders of one pizzeria, without a look at those of the others.
CREATE INDEX CONCURRENTLY order_details_promised ON order_details (pizzeria, promised_at, id);
