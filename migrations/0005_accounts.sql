-- What an account lets its holder do, as far as the log has been followed; passwords; and tokens that are
-- good once.

ALTER TABLE accounts
    ADD COLUMN password_hash     text,
    ADD COLUMN password_position bigint  NOT NULL DEFAULT 0,
    ADD COLUMN email_verified_at timestamptz,
    ADD COLUMN active            boolean NOT NULL DEFAULT true,
    ADD COLUMN access_position   bigint  DEFAULT 0,
    ADD COLUMN details_position  bigint  NOT NULL DEFAULT 0;

CREATE INDEX accounts_staff ON accounts (pizzeria, display_name, id) WHERE role <> 'CUSTOMER';

COMMENT ON COLUMN accounts.password_hash IS 'Argon2id, in PHC string form; none until a password is set.';
COMMENT ON COLUMN accounts.password_position IS 'The log''s position of the last change of the password.';
COMMENT ON COLUMN accounts.email_verified_at IS 'When the present e-mail address was shown to be theirs.';
COMMENT ON COLUMN accounts.active IS 'Whether they may sign in: signed up or hired, and not revoked.';
COMMENT ON COLUMN accounts.access_position IS
    'The log''s position that role, pizzeria and active are of. None while the event that makes the account is on its way: the e-mail address is kept for it for a minute.';
COMMENT ON COLUMN accounts.details_position IS 'The log''s position of the last change of name, address and the like.';

CREATE TABLE account_tokens (
    token_hash bytea       PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose    text COLLATE "C" NOT NULL CHECK (purpose IN ('VERIFY_EMAIL', 'RESET_PASSWORD', 'INVITATION')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX account_tokens_account ON account_tokens (account_id);
CREATE INDEX account_tokens_expiry ON account_tokens (expires_at);

COMMENT ON TABLE account_tokens IS 'Tokens sent by mail, each good once: the row goes when it is used.';
COMMENT ON COLUMN account_tokens.token_hash IS 'HMAC-SHA-256 of the token under the server''s key: the table alone opens nothing.';
