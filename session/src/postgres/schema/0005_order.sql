-- Schema version 5: the writes of one owner have an order. What an owner gave up waiting for may still be on its way, and is not
-- made when a later write has been.

ALTER TABLE sessions
    ADD COLUMN written_epoch  bigint NOT NULL DEFAULT 0,
    ADD COLUMN written_number bigint NOT NULL DEFAULT 0;

-- 'overtaken', or NULL. The caller has found its fence to hold, and has locked the session.
CREATE FUNCTION lateness(_session text, _epoch bigint, _number bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions SET written_epoch = _epoch, written_number = _number
    WHERE id = _session AND (written_epoch, written_number) <= (_epoch, _number);
    RETURN CASE WHEN NOT FOUND THEN 'overtaken' END;
END $$;

CREATE FUNCTION set_options_in_order(_session text, _writer text, _epoch bigint, _number bigint, _options text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(fence_loss(_session, _writer, _epoch), lateness(_session, _epoch, _number),
                    set_options(_session, _writer, _epoch, _options));
END $$;

CREATE FUNCTION write_journal_in_order(_session text, _writer text, _epoch bigint, _number bigint, _digests bytea[],
                                       _keys text[], _statements text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(fence_loss(_session, _writer, _epoch), lateness(_session, _epoch, _number),
                    write_journal(_session, _writer, _epoch, _digests, _keys, _statements));
END $$;
