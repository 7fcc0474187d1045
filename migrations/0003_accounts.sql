-- Who may sign in, and the sessions they hold. Personal data: never in the log.

CREATE TABLE accounts (
    id           uuid PRIMARY KEY,
    email        text COLLATE "C" NOT NULL UNIQUE CHECK (email = lower(email)),
    role         text COLLATE "C" NOT NULL,
    pizzeria     text COLLATE "C",
    display_name text             NOT NULL,
    phone        text,
    street       text,
    postcode     text,
    city         text,
    latitude     double precision,
    longitude    double precision,
    demo         boolean          NOT NULL DEFAULT false,
    created_at   timestamptz      NOT NULL
);

COMMENT ON COLUMN accounts.id IS 'The actor of its commands: the customer''s id, or the staff member''s.';
COMMENT ON COLUMN accounts.pizzeria IS 'Where a member of staff works; none for customers and the group''s people.';
COMMENT ON COLUMN accounts.demo IS 'Whether it belongs to the demo data.';

CREATE TABLE sessions (
    token_hash bytea       PRIMARY KEY,
    account_id uuid        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX sessions_account ON sessions (account_id);

COMMENT ON COLUMN sessions.token_hash IS 'HMAC-SHA-256 of the token under the server''s key: the table alone lets nobody in.';

-- The key of a deployment that sets no OCPIZZA_MANAGER_KEY (development, the demo): made once, shared by its processes.
CREATE TABLE development_keys (
    id  boolean PRIMARY KEY DEFAULT true CHECK (id),
    key bytea   NOT NULL
);
