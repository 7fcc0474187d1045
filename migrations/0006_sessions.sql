-- What a session is known by and when it was last used; and attempts, counted for all processes at once.

-- A random default rewrites the table: it is small, a row a signed-in person.
ALTER TABLE sessions
    ADD COLUMN id           uuid        NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN issued_by    text COLLATE "C" NOT NULL DEFAULT 'SIGN_IN' CHECK (issued_by IN ('SIGN_IN', 'OPERATOR'));

CREATE INDEX sessions_expiry ON sessions (expires_at);

COMMENT ON COLUMN sessions.id IS 'What it is ended by: its hash changes when the server''s key does.';
COMMENT ON COLUMN sessions.last_used_at IS 'Written at most once a minute; a staff session ends half an hour after it.';
COMMENT ON COLUMN sessions.issued_by IS 'SIGN_IN, or OPERATOR for a token of the command line.';

CREATE TABLE attempts (
    subject bytea         PRIMARY KEY,
    made_at timestamptz[] NOT NULL,
    over_at timestamptz   NOT NULL
);

CREATE INDEX attempts_over ON attempts (over_at);

COMMENT ON TABLE attempts IS 'Attempts to sign in, to sign up or to reset a password, in the sliding window of their kind.';
COMMENT ON COLUMN attempts.subject IS 'HMAC of the kind and the e-mail address or the client''s address: neither is kept.';
COMMENT ON COLUMN attempts.over_at IS 'When the last of them leaves the window, and the row may go.';
