-- Fine-tuning at an endpoint: one row per job that was ordered. `key` stands for the endpoint, the model, the examples and
-- how they are learned. The ids of file and job are written the moment they exist, so that nothing is paid twice.
CREATE SEQUENCE tuning_ids;
CREATE TABLE tunings (
    tuning_id INTEGER DEFAULT nextval('tuning_ids'), key VARCHAR, place VARCHAR, model VARCHAR, epochs INTEGER,
    n_examples INTEGER, tokens_expected BIGINT, dollars_expected DOUBLE, file_id VARCHAR, job_id VARCHAR, state VARCHAR,
    tuned_model VARCHAR, trained_tokens BIGINT, reason VARCHAR, events VARCHAR[], started_at TIMESTAMP, looked_at TIMESTAMP
);

-- What models answered when they were asked which interest comes next: one row per answer, only ever added. `context` holds
-- a digest of each interest's words as the model was shown them: an interest that is put into other words is asked about
-- anew. `prompt` stands for the form of the question.
CREATE SEQUENCE context_answer_ids;
CREATE TABLE context_answers (
    answer_id INTEGER DEFAULT nextval('context_answer_ids'), model VARCHAR, form VARCHAR, temperature DOUBLE,
    prompt VARCHAR, context VARCHAR[], sample INTEGER, answer VARCHAR, fault VARCHAR, how VARCHAR, tries INTEGER,
    tokens_read INTEGER, tokens_written INTEGER, tokens_estimated BOOLEAN, dollars DOUBLE, seconds DOUBLE,
    answered_at TIMESTAMP
);

-- Questions that were handed over as files. state: uploaded, then as the endpoint says; collected once all is fetched.
CREATE SEQUENCE answer_batch_ids;
CREATE TABLE answer_batches (
    row_id INTEGER DEFAULT nextval('answer_batch_ids'), place VARCHAR, model VARCHAR, form VARCHAR, temperature DOUBLE,
    prompt VARCHAR, n_requests INTEGER, file_id VARCHAR, batch_id VARCHAR, state VARCHAR, reason VARCHAR,
    started_at TIMESTAMP
);
