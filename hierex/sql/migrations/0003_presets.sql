-- Numbers of interests that people gave a name; rows are marked as deleted, so that they can be brought back.
CREATE TABLE presets (
    name VARCHAR, granularity INTEGER, author VARCHAR, saved_at TIMESTAMP, deleted BOOLEAN DEFAULT FALSE
);
