-- Free text of people beside the log: what an order's customer writes for the kitchen and the courier, and why staff
-- cancelled, refunded, failed or wasted. Events carry a note's id, purpose and SHA-256(salt followed by text).

CREATE TABLE notes (
    id          uuid             PRIMARY KEY,
    purpose     text COLLATE "C" NOT NULL CHECK (purpose IN ('KITCHEN', 'DELIVERY', 'REASON')),
    order_id    uuid,
    line        bigint,
    customer_id uuid,
    text        text             NOT NULL,
    salt        bytea            NOT NULL,
    created_at  timestamptz      NOT NULL,
    closed_at   timestamptz
);

CREATE INDEX notes_order ON notes (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX notes_customer ON notes (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX notes_closed ON notes (closed_at) WHERE closed_at IS NOT NULL;

COMMENT ON COLUMN notes.order_id IS 'The order that it is about; none for the reason of a waste.';
COMMENT ON COLUMN notes.line IS 'The line of the order, from 1; none for the order as a whole.';
COMMENT ON COLUMN notes.customer_id IS 'Whose order it is about; none for callers and walk-ins.';
COMMENT ON COLUMN notes.salt IS 'Random; hashed before the text.';
COMMENT ON COLUMN notes.closed_at IS 'When its order was over, of a reason when it was given: erased a set number of days later.';
