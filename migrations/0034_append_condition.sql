-- The append condition: every stream that a batch looked at is compared once the head is locked.
--
-- The function is VOLATILE, so each of its statements has a snapshot of its own: the comparison sees what other writers
-- stored while the lock was awaited. The columns of the row are those before and after the batch.
CREATE FUNCTION lock_log_head(
    added bigint, settings boolean, seen_types text[], seen_ids text[], seen_sequences bigint[]
) RETURNS TABLE (base bigint, reached bigint, recorded_at timestamptz) LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
    UPDATE event_log_head AS head SET
        position = head.position + added,
        recorded_at = GREATEST(head.recorded_at, clock_timestamp()),
        -- Processes of release 0.1 compare it.
        settings_position = CASE WHEN settings THEN head.position + added ELSE head.settings_position END
    WHERE head.id
    RETURNING head.position - added, head.position, head.recorded_at
    INTO lock_log_head.base, lock_log_head.reached, lock_log_head.recorded_at;
    IF EXISTS (
        SELECT FROM unnest(seen_types, seen_ids, seen_sequences) AS seen(type, id, sequence)
        WHERE seen.sequence <> COALESCE((SELECT e.sequence FROM events AS e
            WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
            ORDER BY e.sequence DESC LIMIT 1), 0)
    ) THEN
        RAISE EXCEPTION 'a stream is not at the version that the batch was decided on'
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEXT;
END
$$;
