-- Where states of the past are replayed from. Both are a read model's tables: disposable, filled from the log.

-- A pizzeria's stock every 200 events of its stream, so that no stock of the past takes more than 200 to fold.
CREATE TABLE stock_history (
    pizzeria text COLLATE "C" NOT NULL,
    position bigint           NOT NULL,
    version  bigint           NOT NULL,
    document json             NOT NULL,
    PRIMARY KEY (pizzeria, position)
);

COMMENT ON COLUMN stock_history.position IS 'The event that the state is as of: the 200th, 400th … of the stock''s stream.';

-- In which hours something happened to an order that sales count: which orders a day's sales are replayed from.
CREATE TABLE order_hours (
    pizzeria text COLLATE "C" NOT NULL,
    hour     timestamptz      NOT NULL,
    id       uuid             NOT NULL,
    position bigint           NOT NULL,
    PRIMARY KEY (pizzeria, hour, id)
);

CREATE INDEX ON order_hours (id);

COMMENT ON TABLE order_hours IS 'Refused orders are here too: they are in no other read model, and sales count them.';
COMMENT ON COLUMN order_hours.hour IS 'The beginning of the hour, in UTC, by the event''s own time.';
COMMENT ON COLUMN order_hours.position IS 'The first such event of the order in the hour.';
