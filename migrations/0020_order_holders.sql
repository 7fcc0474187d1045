-- For whom callers' orders reserve stock, so that one caller does not hold all of it unpaid: which random id of an event
-- stands for which telephone number or address, while orders are placed for it.

CREATE TABLE order_holders (
    digest  bytea       PRIMARY KEY,
    holder  uuid        NOT NULL,
    used_at timestamptz NOT NULL
);

CREATE INDEX ON order_holders (used_at);

COMMENT ON TABLE order_holders IS 'Rows are removed two days after their last use.';
COMMENT ON COLUMN order_holders.digest IS 'HMAC of the normalised telephone number or address, under the key of tokens.';
COMMENT ON COLUMN order_holders.holder IS 'A random id, as events have it (IngredientsReserved).';
