-- The log. Appended to, never changed: positions are gapless and in commit order.

CREATE TABLE event_log_head (
    id          boolean PRIMARY KEY DEFAULT true CHECK (id),
    position    bigint      NOT NULL CHECK (position >= 0),
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);

COMMENT ON TABLE event_log_head IS
    'One row: the last position given, and when. Locked once a batch, which is what orders the log.';

INSERT INTO event_log_head (position, recorded_at) VALUES (0, clock_timestamp());

-- The columns of postgres-es, and the position. json, not jsonb: the bytes written are the bytes proven.
CREATE TABLE events (
    position       bigint                   NOT NULL CHECK (position > 0),
    aggregate_type text        COLLATE "C"  NOT NULL,
    aggregate_id   text        COLLATE "C"  NOT NULL,
    sequence       bigint                   NOT NULL CHECK (sequence > 0),
    event_type     text        COLLATE "C"  NOT NULL,
    event_version  text        COLLATE "C"  NOT NULL,
    recorded_at    timestamptz              NOT NULL,
    payload        json                     NOT NULL,
    metadata       json                     NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

CREATE UNIQUE INDEX events_position ON events (position);

COMMENT ON COLUMN events.sequence IS 'The event''s place in its stream, from 1; a stream''s version is its last sequence.';
COMMENT ON COLUMN events.recorded_at IS 'The database''s clock while the head was locked: never decreases with position.';

CREATE FUNCTION refuse_log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is only ever appended to' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER events_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_log_change();

-- Also for the owner, who is the application on platforms with one database role.
REVOKE UPDATE, DELETE, TRUNCATE ON events FROM PUBLIC, CURRENT_USER;

-- One row a stream: its state at a sequence. A cache, ignored when its schema is not the program's.
CREATE TABLE snapshots (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint           NOT NULL,
    schema_version text COLLATE "C" NOT NULL,
    state          json             NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
);

-- The answers given under idempotency keys, stored in the transaction of the events that they answer for.
CREATE TABLE idempotency_keys (
    actor_id       uuid             NOT NULL,
    key            text COLLATE "C" NOT NULL,
    fingerprint    bytea            NOT NULL,
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint           NOT NULL,
    position       bigint,
    refusal        json,
    recorded_at    timestamptz      NOT NULL,
    PRIMARY KEY (actor_id, key)
);

COMMENT ON COLUMN idempotency_keys.fingerprint IS 'SHA-256 of the command and its input.';
COMMENT ON COLUMN idempotency_keys.sequence IS 'The version of the stream that the answer showed.';
COMMENT ON COLUMN idempotency_keys.position IS 'The command''s last event; null when it stored none.';

-- Personal data. Events carry only the id; erasing a row leaves the log whole.
CREATE TABLE contacts (
    id          uuid PRIMARY KEY,
    name        text,
    phone       text,
    email       text,
    street      text,
    postcode    text,
    city        text,
    latitude    double precision,
    longitude   double precision,
    note        text,
    recorded_at timestamptz NOT NULL
);
