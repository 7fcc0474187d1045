-- Where couriers last said they were: short-lived, so the latest row only, and no event (DOMAIN.md, Delivery).

CREATE TABLE courier_positions (
    delivery_id uuid             PRIMARY KEY,
    courier_id  uuid             NOT NULL,
    latitude    double precision NOT NULL,
    longitude   double precision NOT NULL,
    reported_at timestamptz      NOT NULL
);

COMMENT ON COLUMN courier_positions.latitude IS 'Degrees, WGS 84.';
COMMENT ON COLUMN courier_positions.longitude IS 'Degrees, WGS 84.';
