"""hierex: explore people's novel interests.

The pipeline, in order; each stage is one module or package, takes arrays and tables, returns a frozen result:

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

    granularity_effects  tree, descriptions          -> how the number of interests plays out
    weights           vectors, behaviour             -> what it changes how much behaviour counts
    experiment        simulated people, arms         -> who is ahead on what over some weeks; held beside a build

Around them:

    config, errors        a config per stage, and what can go wrong, in words; typed: how long what people write may be
    llm, text_models      the doors to language models and to text models; threads, server_config: what the owner sets
    metrics, ranking, likeness, mixing       formulas that several stages share
    synthetic             a planted world whose right answers are known: the sample data, and tests
    store, kept           the database, which `store` alone knows, and what is kept in it
    imports               new logs: looked through first, then put in the place of the old ones
    workspace             what a workspace holds, read when it is asked for; workspace_folder: all of them
    workspace_measures    how good its descriptions are, what other numbers of interests would bring
    pipeline              runs the stages in order; maker: makes and keeps a result; result_keys: what it depends on
    layering              recent moves, what people liked, the dial: laid over the policy that was learned
    jobs, worker          the same in the background, in a process that can be stopped
    releases              what predictions have to prove (`gates`) before somebody decides that they are served
    serving               what people would be shown: the look-up in the table
    asking                a language model at an endpoint: asked, fine-tuned
    trials                holds the experiment beside a build
    preview               what chosen people would be shown, otherwise, and how it was judged
    files                 for other tools, and brought back from them
    wording, charts       what is said and drawn of all this
    view, cli             the app's parts, by page (`app_pages` puts them together), and the commands
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
