-- Personal data can be found and erased: whose it is, of which order, and since when that order is over;
-- who of the staff has read it; and who has been erased.

ALTER TABLE contacts
    ADD COLUMN customer_id uuid,
    ADD COLUMN order_id    uuid,
    ADD COLUMN closed_at   timestamptz;

-- Rows that are there: those of orders, and those of the proofs of deliveries.
UPDATE contacts c SET customer_id = o.customer, order_id = o.id FROM order_details o WHERE o.contact = c.id;
UPDATE contacts c SET customer_id = d.customer, order_id = d.order_id
FROM deliveries d WHERE c.order_id IS NULL AND d.document::text LIKE '%"contact":"' || c.id || '"%';

CREATE INDEX contacts_customer ON contacts (customer_id) WHERE customer_id IS NOT NULL;
CREATE INDEX contacts_order ON contacts (order_id);
CREATE INDEX contacts_closed ON contacts (closed_at) WHERE closed_at IS NOT NULL;

COMMENT ON COLUMN contacts.customer_id IS 'Whose account it was given by or for; none for callers and walk-ins.';
COMMENT ON COLUMN contacts.order_id IS 'The order that it is for.';
COMMENT ON COLUMN contacts.closed_at IS 'When that order was over: the row is erased a set number of days later.';

CREATE TABLE erased_customers (
    customer_id uuid        PRIMARY KEY,
    erased_at   timestamptz NOT NULL
);

COMMENT ON TABLE erased_customers IS 'As the log says (CustomerErased). Whatever is stored of them later is erased again.';

-- How far the log has been followed for what it means for personal data; locked by the process that does it.
CREATE TABLE personal_data_progress (
    id       boolean PRIMARY KEY DEFAULT true CHECK (id),
    position bigint  NOT NULL CHECK (position >= 0)
);

INSERT INTO personal_data_progress (position) VALUES (0);

-- Which member of staff has read whose contact, when, and for which order. Ids only.
CREATE TABLE contact_reads (
    id          uuid             PRIMARY KEY DEFAULT gen_random_uuid(),
    reader_id   uuid             NOT NULL,
    role        text COLLATE "C" NOT NULL,
    contact_id  uuid             NOT NULL,
    customer_id uuid,
    order_id    uuid             NOT NULL,
    pizzeria    text COLLATE "C" NOT NULL,
    read_at     timestamptz      NOT NULL,
    minute      bigint           NOT NULL,
    UNIQUE (reader_id, order_id, minute)
);

CREATE INDEX contact_reads_at ON contact_reads (read_at, id);
CREATE INDEX contact_reads_customer ON contact_reads (customer_id, read_at, id);

COMMENT ON COLUMN contact_reads.minute IS 'Of read_at, since 1970: the same reader and order are noted once a minute.';
