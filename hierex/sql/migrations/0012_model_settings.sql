-- What people set for descriptions by a language model: their language, and what a model costs in US dollars per million
-- tokens. Rows are only ever added; the latest counts.
CREATE SEQUENCE setting_ids;
CREATE TABLE output_languages (
    setting_id INTEGER DEFAULT nextval('setting_ids'), language VARCHAR, author VARCHAR, set_at TIMESTAMP
);
CREATE TABLE model_prices (
    setting_id INTEGER DEFAULT nextval('setting_ids'), model VARCHAR, read DOUBLE, written DOUBLE, author VARCHAR,
    set_at TIMESTAMP
);

-- What a person had a language model say in one go is a step of theirs, which is taken back and brought back as one.
ALTER TABLE model_answers ADD COLUMN step INTEGER;
ALTER TABLE model_answers ADD COLUMN undone BOOLEAN DEFAULT FALSE;

-- Digests of the items (id and words) that the interest had, at most 500 of them, and how many it had: what came and went
-- since is counted from them.
ALTER TABLE model_answers ADD COLUMN members BIGINT[];
ALTER TABLE model_answers ADD COLUMN n_members INTEGER;
