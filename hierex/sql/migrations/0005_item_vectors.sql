-- Items may bring vectors of their own: missing where the catalogue has none. Also in the logs that can be gone back to.
ALTER TABLE items ADD COLUMN IF NOT EXISTS vector FLOAT[];
ALTER TABLE IF EXISTS previous_items ADD COLUMN IF NOT EXISTS vector FLOAT[];
