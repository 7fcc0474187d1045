-- Payments that are under way, the books of the demo's payment service, and what the log's head knows of
-- streams that commands only read.

-- What is about to be charged, written down before it is. No personal data: who pays is an account's id.
CREATE TABLE payment_intents (
    id              uuid PRIMARY KEY,
    order_id        uuid             NOT NULL,
    order_version   bigint           NOT NULL,
    amount          bigint           NOT NULL CHECK (amount > 0),
    actor_id        uuid             NOT NULL,
    actor_role      text COLLATE "C" NOT NULL,
    actor_pizzeria  text COLLATE "C",
    command_id      uuid             NOT NULL,
    correlation_id  text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    fingerprint     bytea            NOT NULL,
    created_at      timestamptz      NOT NULL DEFAULT now(),
    due_at          timestamptz      NOT NULL,
    tries           integer          NOT NULL DEFAULT 0,
    ending          text COLLATE "C",
    ended_at        timestamptz
);

-- One open intent an order: nothing is charged beside it.
CREATE UNIQUE INDEX payment_intents_open ON payment_intents (order_id) WHERE ending IS NULL;
CREATE INDEX payment_intents_due ON payment_intents (due_at) WHERE ending IS NULL;

COMMENT ON COLUMN payment_intents.id IS 'The key of its charge at the payment service.';
COMMENT ON COLUMN payment_intents.order_version IS 'The version at which the amount, in cents, was due: only there can it be captured.';
COMMENT ON COLUMN payment_intents.due_at IS 'When it is looked after, if its request has not closed it.';
COMMENT ON COLUMN payment_intents.ending IS 'CAPTURED, REFUNDED or NOT_CHARGED; null while it is open.';

-- The payment service of the demo is this table; a real provider has its own.
CREATE TABLE demo_charges (
    key      uuid PRIMARY KEY,
    order_id uuid,
    amount   bigint,
    status   text COLLATE "C" NOT NULL
);

COMMENT ON COLUMN demo_charges.status IS 'ACCEPTED, DECLINED or REFUNDED; what is REFUNDED is not charged again.';

-- Compared under the head's lock: whether a menu or a pizzeria has changed while a batch waited for it.
ALTER TABLE event_log_head ADD COLUMN settings_position bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN event_log_head.settings_position IS
    'The last event of a stream that commands read without writing it: the menu, pizzerias.';
