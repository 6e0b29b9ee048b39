-- What came in.
CREATE TABLE items (item_index INTEGER, item_id VARCHAR, title VARCHAR, text VARCHAR);
CREATE TABLE users (user_index INTEGER, user_id VARCHAR);
CREATE TABLE interactions (user_index INTEGER, item_index INTEGER, position INTEGER, clock BIGINT);
CREATE TABLE imports (imported_at TIMESTAMP, content_key VARCHAR, report VARCHAR);

-- Nothing is embedded twice: one row per model and text.
CREATE TABLE embeddings (model VARCHAR, text_key VARCHAR, vector FLOAT[]);

-- Every result of a stage is kept under the key of what it was made from.
CREATE TABLE results (
    stage VARCHAR, key VARCHAR, made_at TIMESTAMP, seconds DOUBLE, note VARCHAR, PRIMARY KEY (stage, key)
);
CREATE TABLE tree_nodes (
    key VARCHAR, node_id INTEGER, parent_id INTEGER, lo INTEGER, hi INTEGER, born INTEGER, dies INTEGER,
    traffic DOUBLE, coherence DOUBLE
);
CREATE TABLE item_order (key VARCHAR, position INTEGER, item_index INTEGER);
CREATE TABLE item_map (key VARCHAR, item_index INTEGER, x FLOAT, y FLOAT);
CREATE TABLE descriptions (
    key VARCHAR, node_id INTEGER, name VARCHAR, phrases VARCHAR[], summary VARCHAR, source VARCHAR
);
CREATE TABLE first_visits (key VARCHAR, user_index INTEGER, leaf INTEGER, position INTEGER, clock BIGINT);
CREATE TABLE transitions (key VARCHAR, context INTEGER[], novel_cluster_id INTEGER, n_users BIGINT);
CREATE TABLE transition_table (
    key VARCHAR, context INTEGER[], rank INTEGER, novel_cluster_id INTEGER, score FLOAT
);
CREATE TABLE models (stage VARCHAR, key VARCHAR, name VARCHAR, tensors BLOB);
CREATE TABLE grounded (
    key VARCHAR, user_index INTEGER, context INTEGER[], rank INTEGER, novel_cluster_id INTEGER, score FLOAT,
    path VARCHAR, items INTEGER[], item_scores FLOAT[]
);
CREATE TABLE evaluation (key VARCHAR, part VARCHAR, frame VARCHAR);

-- What people wrote: rows are only ever added or marked as undone.
CREATE SEQUENCE edit_ids;
CREATE TABLE description_edits (
    edit_id INTEGER DEFAULT nextval('edit_ids'), tree_key VARCHAR, node_id INTEGER, name VARCHAR, phrases VARCHAR[],
    summary VARCHAR, author VARCHAR, edited_at TIMESTAMP, item_ids VARCHAR[], n_items INTEGER,
    undone BOOLEAN DEFAULT FALSE
);

CREATE SEQUENCE run_ids;
CREATE TABLE runs (
    run_id INTEGER DEFAULT nextval('run_ids'), started_at TIMESTAMP, ended_at TIMESTAMP, status VARCHAR,
    config VARCHAR, keys VARCHAR, note VARCHAR
);
