"""A simulated live experiment: people with interests, some not discovered yet, and arms that show them items.

people      what people like; no arm sees it          fitting   people from a log, or from a planted world
past        what was shown and what came of it         arms, explorers   ways to fill the slots, which see only that
trial       weeks of showing and learning              measures  what is reported of each arm, with intervals
lifts       who is ahead on what
"""
