-- Names of suppliers beside the log: events carry a supplier's id.

CREATE TABLE suppliers (
    id       uuid             PRIMARY KEY,
    name     text COLLATE "C" NOT NULL UNIQUE,
    known_at timestamptz      NOT NULL
);
