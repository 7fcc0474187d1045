-- Whether the application is under maintenance: one row, which every process watches.

CREATE TABLE maintenance (
    the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only),
    message  text,
    since    timestamptz,
    until    timestamptz,
    CHECK ((message IS NULL) = (since IS NULL)),
    CHECK (message IS NOT NULL OR until IS NULL)
);

INSERT INTO maintenance DEFAULT VALUES;

COMMENT ON COLUMN maintenance.message IS 'What callers are told; null while there is no maintenance.';
COMMENT ON COLUMN maintenance.since IS 'When it was turned on.';
COMMENT ON COLUMN maintenance.until IS 'When it is expected to be over. It is over when it is turned off.';
