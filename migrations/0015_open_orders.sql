-- no-transaction
-- Orders that are not over are few, however many there have been: lists of them by state do not look at the others.
CREATE INDEX CONCURRENTLY order_details_open ON order_details (placed_at, id)
    WHERE status IN ('AWAITING_PAYMENT', 'PLACED', 'IN_PREPARATION', 'READY', 'OUT_FOR_DELIVERY');
