"""hierex: explore people's novel interests.

The pipeline, in order; each stage is one module, takes arrays and tables, returns a frozen result:

    logs              files, a column mapping        -> checked items and interactions, and what was dropped
    embeddings        item texts                     -> unit vectors
    behaviour         interactions, vectors          -> vectors of who consumes what; only where they are to count
    interest_tree     vectors, traffic               -> one tree, one item order; every cluster is a slice of it
    taxonomy          tree, granularity              -> the interest clusters at that granularity
    item_map          vectors                        -> a place on the map for every item
    descriptions      tree, item texts               -> a name, ten phrases, a summary for every node
    transitions       interactions, taxonomy         -> who moved from which interests to which novel one
    policies          transitions, descriptions      -> context of interests -> distribution over all interests
    transition_table  policy, taxonomy               -> the policy's answer to every context, ahead of time
    recommenders      interactions                   -> item scores for a person's history
    grounding         predictions, recommender       -> real items inside each predicted interest
    evaluation        all of it, held-out time       -> how well it works, against baselines

    experiment        simulated people, arms         -> who is ahead on what over some weeks; held beside a build

`store` alone knows the database, `pipeline` runs the stages in order, `view` and `app_pages` show them.
"""

__version__ = "0.1.0"

ON_DEMAND = ("behaviour", "weights")
"""Stages that a build has only where behaviour counts, or that are asked for beside a build."""

STAGES = (
    "logs",
    "embeddings",
    "interest_tree",
    "taxonomy",
    "item_map",
    "descriptions",
    "transitions",
    "policies",
    "transition_table",
    "recommenders",
    "grounding",
    "evaluation",
)
