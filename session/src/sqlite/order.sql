-- Schema version 4: the writes of one owner have an order. What an owner gave up waiting for may still be on its way, and is not
-- made when a later write has been.

ALTER TABLE sessions ADD COLUMN written_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN written_number INTEGER NOT NULL DEFAULT 0;
