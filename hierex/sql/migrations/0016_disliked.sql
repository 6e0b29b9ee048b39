-- Items that people had and did not like: they show no interest, and are not suggested again. Nobody's in earlier logs.
CREATE TABLE disliked (user_index INTEGER, item_index INTEGER);
CREATE TABLE previous_disliked (user_index INTEGER, item_index INTEGER);
