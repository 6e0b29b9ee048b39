-- Whether an answer was just what a known interest was called when its question was asked; not known of earlier ones.
-- Where nothing is called so any more, it says nothing about the interests of now, and nothing against the model.
ALTER TABLE context_answers ADD COLUMN matched BOOLEAN;
-- Digests of what known interests were called when a batch was handed over.
ALTER TABLE answer_batches ADD COLUMN known VARCHAR[];
-- Answers that a person had left out, to have all asked anew, and which time that was; 0 for those that count.
ALTER TABLE context_answers ADD COLUMN left_out INTEGER DEFAULT 0;
