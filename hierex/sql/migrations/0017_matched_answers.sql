-- Whether an answer was just what a known interest was called when it came; not known of earlier ones. Where nothing is
-- called so any more, it says nothing about the interests of now, and nothing against the model.
ALTER TABLE context_answers ADD COLUMN matched BOOLEAN;
