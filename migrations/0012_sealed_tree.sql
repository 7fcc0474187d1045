-- Tamper evidence: a Merkle tree (RFC 6962) over the events' exact bytes, and signed heads of it (docs/audit.md).

-- One row: which log this is, in every head.
CREATE TABLE log_identity (
    id     boolean PRIMARY KEY DEFAULT true CHECK (id),
    log_id uuid NOT NULL
);

INSERT INTO log_identity (log_id) VALUES (gen_random_uuid());

-- The tree's hashes, in tiles as of https://c2sp.org/tlog-tiles: 256 of a level that is a multiple of 8.
-- The last tile of a level grows; whatever is changed here disagrees with the heads.
CREATE TABLE tree_tiles (
    level  smallint NOT NULL CHECK (level >= 0),
    tile   bigint   NOT NULL CHECK (tile >= 0),
    hashes bytea    NOT NULL,
    PRIMARY KEY (level, tile)
);

-- Hashes do not compress.
ALTER TABLE tree_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

COMMENT ON COLUMN tree_tiles.level IS 'In levels of tiles: 0 has the hashes of leaves, 1 those of 256 leaves each.';
COMMENT ON COLUMN tree_tiles.hashes IS 'Up to 256 hashes of 32 bytes, one behind the other.';

CREATE TABLE tree_heads (
    size       bigint PRIMARY KEY CHECK (size > 0),
    root_hash  bytea            NOT NULL CHECK (octet_length(root_hash) = 32),
    signed_at  timestamptz      NOT NULL,
    key_id     text COLLATE "C" NOT NULL CHECK (key_id ~ '^[0-9a-f]{8}$'),
    signature  bytea            NOT NULL CHECK (octet_length(signature) = 64),
    public_key bytea            NOT NULL CHECK (octet_length(public_key) = 32)
);

COMMENT ON COLUMN tree_heads.size IS 'How many events: those at positions 1 to this.';

CREATE TRIGGER tree_heads_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_log_change();

REVOKE UPDATE, DELETE, TRUNCATE ON tree_heads FROM PUBLIC, CURRENT_USER;

-- How far the heads have been published, and where to.
CREATE TABLE head_publications (
    destination  text COLLATE "C" PRIMARY KEY,
    size         bigint           NOT NULL,
    published_at timestamptz      NOT NULL
);

COMMENT ON COLUMN head_publications.destination IS 'SHA-256 of the destination, which may hold a secret.';
