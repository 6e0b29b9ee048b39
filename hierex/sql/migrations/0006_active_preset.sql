-- One saved number at most is the one that this workspace works with.
ALTER TABLE presets ADD COLUMN active BOOLEAN DEFAULT FALSE;
