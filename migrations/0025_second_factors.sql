-- Authenticator apps (RFC 6238) of accounts. Never in the log.

CREATE TABLE second_factors (
    account_id      uuid        PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    secret          bytea       NOT NULL,
    created_at      timestamptz NOT NULL,
    confirmed_at    timestamptz,
    last_step       bigint      NOT NULL DEFAULT 0,
    recovery_hashes bytea[]     NOT NULL DEFAULT '{}'
);

COMMENT ON COLUMN second_factors.secret IS 'Sealed under a key derived from the server''s: ChaCha20-Poly1305, the nonce before it.';
COMMENT ON COLUMN second_factors.confirmed_at IS 'When the first code was given; until then the app is not asked for.';
COMMENT ON COLUMN second_factors.last_step IS 'The time step of the last code that was used: a code is good once.';
COMMENT ON COLUMN second_factors.recovery_hashes IS 'HMAC-SHA-256 of the recovery codes that are left; each goes when it is used.';
