-- Addresses that an account has signed in from: attempts from there are counted apart from those of strangers.

CREATE TABLE known_addresses (
    account_id   uuid        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    address_hash bytea       NOT NULL,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, address_hash)
);

CREATE INDEX known_addresses_seen ON known_addresses (seen_at);

COMMENT ON TABLE known_addresses IS 'Written by a right password; a row goes 90 days after the last one.';
COMMENT ON COLUMN known_addresses.address_hash IS 'HMAC of the account''s id and the client''s address: the address is not kept.';
