-- Read models: rows that follow from the log and can be thrown away, and how far each has followed it.
-- Indexes have no names of their own: a rebuild copies the tables (LIKE … INCLUDING ALL) and swaps the
-- copies in, and Postgres gives the copies' indexes the very same default names.
-- Documents are json, not jsonb: domain states as text, compared as text.

CREATE TABLE checkpoints (
    name            text COLLATE "C" PRIMARY KEY,
    position        bigint      NOT NULL DEFAULT 0 CHECK (position >= 0),
    events_applied  bigint      NOT NULL DEFAULT 0,
    digest          bytea       NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    updated_at      timestamptz NOT NULL DEFAULT now(),
    failed_position bigint,
    failure         text
);

COMMENT ON TABLE checkpoints IS 'One row a read model or reactor, changed in the transaction of the rows it speaks for.';
COMMENT ON COLUMN checkpoints.events_applied IS 'How many events were counted; every event of the log counts, so it equals position.';
COMMENT ON COLUMN checkpoints.digest IS 'SHA-256 of (the digest before, the position as 8 bytes big endian, the event''s type), from 32 zero bytes.';
COMMENT ON COLUMN checkpoints.failed_position IS 'The event that stopped it; null while it goes on.';

CREATE TABLE menus (
    version        bigint      PRIMARY KEY,
    stream_version bigint      NOT NULL,
    position       bigint      NOT NULL,
    published_at   timestamptz NOT NULL,
    document       json        NOT NULL
);

CREATE TABLE pizzerias (
    id       text COLLATE "C" PRIMARY KEY,
    version  bigint           NOT NULL,
    position bigint           NOT NULL,
    document json             NOT NULL
);

CREATE TABLE order_details (
    id          uuid             PRIMARY KEY,
    number      text COLLATE "C" NOT NULL,
    pizzeria    text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    fulfilment  text COLLATE "C" NOT NULL,
    customer    uuid,
    contact     uuid,
    placed_at   timestamptz      NOT NULL,
    promised_at timestamptz      NOT NULL,
    total       bigint           NOT NULL,
    due         bigint           NOT NULL,
    version     bigint           NOT NULL,
    position    bigint           NOT NULL,
    document    json             NOT NULL
);

CREATE INDEX ON order_details (placed_at, id);
CREATE INDEX ON order_details (pizzeria, placed_at, id);
CREATE INDEX ON order_details (promised_at, id);
CREATE INDEX ON order_details (number, id);
CREATE INDEX ON order_details (customer, placed_at, id) WHERE customer IS NOT NULL;

-- Open orders only. The document is what the next event is folded into; boards read the columns.
CREATE TABLE order_board (
    id          uuid             PRIMARY KEY,
    number      text COLLATE "C" NOT NULL,
    pizzeria    text COLLATE "C" NOT NULL,
    status      text COLLATE "C" NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    fulfilment  text COLLATE "C" NOT NULL,
    placed_at   timestamptz      NOT NULL,
    promised_at timestamptz      NOT NULL,
    expires_at  timestamptz,
    total       bigint           NOT NULL,
    due         bigint           NOT NULL,
    version     bigint           NOT NULL,
    position    bigint           NOT NULL,
    document    json             NOT NULL
);

CREATE INDEX ON order_board (pizzeria, placed_at, id);
CREATE INDEX ON order_board (expires_at) WHERE expires_at IS NOT NULL;

-- Orders that have not left the kitchen, those still to be paid online included.
CREATE TABLE kitchen_queue (
    id        uuid             PRIMARY KEY,
    pizzeria  text COLLATE "C" NOT NULL,
    status    text COLLATE "C" NOT NULL,
    placed_at timestamptz      NOT NULL,
    version   bigint           NOT NULL,
    position  bigint           NOT NULL,
    document  json             NOT NULL
);

CREATE INDEX ON kitchen_queue (pizzeria, placed_at, id);

CREATE TABLE stock_levels (
    pizzeria text COLLATE "C" PRIMARY KEY,
    version  bigint           NOT NULL,
    position bigint           NOT NULL,
    document json             NOT NULL
);

CREATE TABLE deliveries (
    id           uuid             PRIMARY KEY,
    order_id     uuid             NOT NULL,
    pizzeria     text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL,
    courier      uuid,
    customer     uuid,
    scheduled_at timestamptz      NOT NULL,
    promised_at  timestamptz      NOT NULL,
    version      bigint           NOT NULL,
    position     bigint           NOT NULL,
    document     json             NOT NULL
);

CREATE INDEX ON deliveries (order_id);
CREATE INDEX ON deliveries (promised_at, id);
CREATE INDEX ON deliveries (pizzeria, scheduled_at, id);
CREATE INDEX ON deliveries (courier, scheduled_at, id) WHERE courier IS NOT NULL;

-- A row a pizzeria and business day: the local day, from 04:00 to 04:00 in the pizzeria's own zone.
CREATE TABLE daily_sales (
    pizzeria text COLLATE "C" NOT NULL,
    day      date             NOT NULL,
    position bigint           NOT NULL,
    document json             NOT NULL,
    PRIMARY KEY (pizzeria, day)
);

-- What daily sales remember of each order, to correct the day on which it was counted.
CREATE TABLE daily_sales_orders (
    id       uuid PRIMARY KEY,
    document json NOT NULL
);

-- The zone of each pizzeria, which says where its days begin.
CREATE TABLE daily_sales_zones (
    pizzeria text COLLATE "C" PRIMARY KEY,
    timezone text COLLATE "C" NOT NULL
);
