-- An address is the same with and without a slash at its end: what was ordered at one is found at the other.
UPDATE tunings SET place = rtrim(place, '/');
UPDATE answer_batches SET place = rtrim(place, '/');
