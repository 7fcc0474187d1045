-- Commands of policies that did not get through: an operator sends them again (ocpizza-manager dead-letters).
CREATE TABLE dead_letters (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      text COLLATE "C" NOT NULL UNIQUE,
    policy   text COLLATE "C" NOT NULL,
    position bigint           NOT NULL,
    command  text             NOT NULL,
    target   text             NOT NULL,
    reason   text             NOT NULL,
    attempts integer          NOT NULL DEFAULT 1,
    first_at timestamptz      NOT NULL DEFAULT now(),
    last_at  timestamptz      NOT NULL DEFAULT now()
);

COMMENT ON TABLE dead_letters IS 'One row a command that a policy sent and that was refused or failed for good.';
COMMENT ON COLUMN dead_letters.key IS 'The command''s idempotency key: policy, position, command and target.';
