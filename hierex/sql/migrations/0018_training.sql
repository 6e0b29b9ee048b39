-- What a million tokens of examples cost, each time they are gone through; NULL where nobody said.
ALTER TABLE model_prices ADD COLUMN trained DOUBLE;
-- Digests of what interests were called when the examples were made; not known of earlier ones.
ALTER TABLE tunings ADD COLUMN known VARCHAR[];
