-- Where a reactor starts: after this position. `migrate` writes it when it introduces a policy: 0 for one that follows
-- the log from its beginning, the log's end for one that must not act on history.
ALTER TABLE checkpoints ADD COLUMN started bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN checkpoints.started IS
    'The position after which a reactor follows the log; a restore that cuts the log goes back no further.';
