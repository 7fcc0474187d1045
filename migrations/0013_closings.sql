-- Daily closings as a read model: what the log's closings say, a row a pizzeria and business day.

CREATE TABLE closings (
    pizzeria  text COLLATE "C" NOT NULL,
    day       date             NOT NULL,
    position  bigint           NOT NULL,
    closed_at timestamptz      NOT NULL,
    document  json             NOT NULL,
    PRIMARY KEY (pizzeria, day)
);

COMMENT ON COLUMN closings.position IS 'The event that closed the day.';
