"""What the ways to predict, to find items and to hold a trial are called, and what each of them does."""

from __future__ import annotations

from ..evaluation import FROM_HISTORY

METHOD_NAMES = {
    "encoder": "Learned from the descriptions",
    "counts": "Counted from the log",
    "ease": "What goes together",
    "openai": "Answered by a language model",
    "causal": "Learned by a language model",
    "sequence": "Learned from sequences of items",
    "popularity": "Most popular first",
    "chance": "Pure chance",
    "random": "Random order",
}
LAYER_NAMES = {"refreshed": "with recent moves", "aligned": "ordered by what was liked", "novelty": "leaning to novel"}
METHOD_CAPTIONS = {
    "ease": "Counts which interests people have together, whatever their order.",
    "openai": "What a language model answered about these interests when it was asked ahead of time.",
    "encoder": "Knows what the interests are about; works for rare ones too.",
    "counts": "Only counts who moved where.",
    "causal": "Reads the descriptions as sentences, as in the paper; slow.",
}
RECOMMENDER_CAPTIONS = {
    "sequence": "Learns what people have after what; reads the items' texts, so it works for rare ones too.",
    "ease": "Counts which items people have together, whatever their order; minutes for thousands of items.",
    "popularity": "The same order for everybody.",
    "random": "To hold the others against.",
}
ARM_NAMES = {
    "sequence": "Recommender alone",
    "popularity": "Most popular first",
    "boosted": "Recommender, new interests boosted",
    "hierarchical": "Hierarchical bandit",
    "progressive": "Progressive hierarchical bandit",
    "neural": "Neural linear bandit",
    "random": "Any new interest",
    "hierex-counts": "hierex, counted from the log",
    "hierex-ease": "hierex, interests that go together",
    "hierex-encoder": "hierex, learned from the descriptions",
    "hierex-causal": "hierex, learned by a language model",
}
ARMS_EXPLAINED = {
    "sequence": "Shows what a model of people's logs expects them to consume next. It does not explore on purpose.",
    "popularity": "Shows everybody what most people consumed. It does not explore on purpose.",
    "boosted": "As the recommender alone, but every item of an interest that is new to the person gets extra points.",
    "hierarchical": "Gives some places to new interests. It picks them from broad groups down to narrow ones, by what "
    "the person has consumed of each so far, and now and then tries what it knows little about.",
    "progressive": "As the hierarchical bandit, but it begins with broad groups, and looks inside one only once the "
    "person has taken to it.",
    "neural": "Gives some places to new interests that the recommender thinks suit the person, and leaves more to luck "
    "the less sure it is.",
    "random": "Gives some places to new interests drawn by lot: what exploring is worth that knows nothing of anybody.",
    "hierex-counts": "Gives some places to the new interests that people with the same latest interests went on to.",
    "hierex-ease": "Gives some places to the new interests that, in people's logs, go together with the latest ones.",
    "hierex-encoder": "Gives some places to the new interests that a model expects next, which reads the descriptions "
    "of interests and has learned from how people moved between them.",
    "hierex-causal": "Gives some places to the new interests that a language model names next, which was trained on "
    "how people moved between interests.",
}
"""What each arm does, for somebody who has never heard of it."""


def method_name(name: str) -> str:
    """See `method_words`."""
    return ", ".join(method_words(name))


def method_words(name: str) -> list[str]:
    """Of a policy or recommender, and of what is laid over it (`encoder+refreshed`) or given to it (`ease@history`)."""
    below, *layers = name.removesuffix(FROM_HISTORY).split("+")
    words = [METHOD_NAMES.get(below, below), *(LAYER_NAMES.get(layer, layer) for layer in layers)]
    return words + ["from the whole history"] * name.endswith(FROM_HISTORY)


def arm_name(arm: str) -> str:
    return ARM_NAMES.get(arm, arm)
