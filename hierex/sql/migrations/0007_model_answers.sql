-- What a language model answered about interests: one row per call, only ever added. `key` stands for the items of the
-- interest, the prompts, the model and the language; `content` for the items alone, by which an answer finds its node in
-- any tree; in the tree that it was asked about (`tree_key`), it stays with `node_id` though items come or move. status: accepted, faulty (asked once more) or failed (nothing that can be used came).
CREATE SEQUENCE answer_ids;
CREATE TABLE model_answers (
    answer_id INTEGER DEFAULT nextval('answer_ids'), key VARCHAR, content VARCHAR, tree_key VARCHAR, node_id INTEGER, purpose VARCHAR,
    model VARCHAR, language VARCHAR, prompt_version VARCHAR, status VARCHAR, faults VARCHAR[],
    name VARCHAR, phrases VARCHAR[], summary VARCHAR, unclear VARCHAR,
    item_ids VARCHAR[], messages VARCHAR, answer VARCHAR, how VARCHAR, tries INTEGER,
    tokens_expected INTEGER, tokens_read INTEGER, tokens_written INTEGER, tokens_estimated BOOLEAN, dollars DOUBLE,
    seconds DOUBLE, answered_at TIMESTAMP
);
