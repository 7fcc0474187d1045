-- Where members of staff worked, and from which event on: whose pizzeria an event of theirs belongs to.

CREATE TABLE staff_postings (
    staff_id text   COLLATE "C" NOT NULL,
    position bigint             NOT NULL,
    pizzeria text   COLLATE "C",
    PRIMARY KEY (staff_id, position)
);

COMMENT ON TABLE staff_postings IS 'One row for each StaffHired; filled from the log by the reactor account_access.';
COMMENT ON COLUMN staff_postings.staff_id IS 'The id of the stream.';
COMMENT ON COLUMN staff_postings.pizzeria IS 'None for the people of the group.';
