-- Whose predictions are served: a row per decision, the latest counts. run_id is missing where nothing was to be served.
CREATE SEQUENCE release_ids;
CREATE TABLE releases (
    release_id INTEGER DEFAULT nextval('release_ids'), run_id INTEGER, author VARCHAR, note VARCHAR,
    released_at TIMESTAMP
);
