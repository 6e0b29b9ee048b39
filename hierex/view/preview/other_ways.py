"""One person on the Preview page, beside: what other policies would predict, and a language model's raw answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...asking.collected import raw_answers
from ...errors import ConfigError, NotReady
from ...kept.runs import config_of, read_runs
from ...policies import LanguagePolicy, reads_histories
from ...preview.persons import Person
from ...preview.what_if import COUNTED, as_it_is, count_anew
from ...releases import list_candidates
from ...result_keys import policy_is_stale, predictions_depend
from ...transition_table import Predictions, predict_novel
from ...wording import plain_markdown
from ...wording.names import method_name
from ...workspace import Workspace
from ..builds import candidate_name


def other_ways(
    work: Workspace, person: Person, context: tuple[int, ...], names: Sequence[str], *, top: int, whole: bool
) -> None:
    """What the policies of other builds with the same interests, and those that count, would answer.

    whole: those that can read everything the person had, and the others start from the context.
    """
    builds = tuple(run.run_id for run in read_runs(work.store, status="done"))
    depends = str(work.store.path), builds, *predictions_depend(work)
    policies, too_old = other_policies(depends, work)
    said = others_say(depends, person.had, context, whole, top, work, person)
    shown = {name: [names[cluster] for cluster in novel] for name, novel in said.items()}
    table = pd.DataFrame({name: pd.Series(novel, dtype=object) for name, novel in shown.items()})
    table.index = pd.RangeIndex(1, len(table) + 1, name="#")
    st.dataframe(table)
    reading = [name for name, policy in policies.items() if reads_histories(policy)]
    starts = "All start from the interests chosen above."
    if whole:
        starts = f"{', '.join(reading)}: from everything they had. Others: from their latest interests."
    st.caption(f"{starts} Builds with other interests are compared under “What if”.")
    if too_old:
        st.caption("Left out, because an earlier version built them: " + plain_markdown("; ".join(too_old)))


@st.cache_data(max_entries=64, show_spinner="Asking the others ...")
def others_say(
    depends: tuple, items: bytes, context: tuple, whole: bool, top: int, _work: Workspace, _person: Person
) -> dict[str, np.ndarray]:
    """By name, the novel interests, best first. depends: as for `other_policies`."""
    alone, how = _person.alone(_work.taxonomy), {"top": top, "hidden": _work.taxonomy.hidden, "whole": True}

    def ask(policy: LanguagePolicy) -> Predictions:
        if whole and reads_histories(policy):
            return predict_novel(policy, _work.table, alone, np.zeros(1, np.int64), **how)
        return as_it_is(_work, policy).predict(_person, top=top, context=context)

    policies, _ = other_policies(depends, _work)
    return {name: ask(policy).novel for name, policy in policies.items()}


@st.cache_resource(max_entries=4, show_spinner="Opening the others ...")
def other_policies(depends: tuple, _work: Workspace) -> tuple[dict[str, LanguagePolicy], list[str]]:
    """By name on screen: what is shown now, what it is laid over, kept builds with the same interests, and counts.

    Of builds that learned in the same way, the one that is shown, or the latest. Also which builds cannot be read.
    depends: on the workspace, the builds in it and the one that is shown.
    """
    policies = {method_name(_work.policy.name): _work.policy}
    policies.setdefault(method_name(_work.learned_policy.name), _work.learned_policy)
    too_old = []
    for candidate in list_candidates(_work.store):
        config, keys_there = config_of(candidate.run.config), candidate.run.keys
        same = all(keys_there[stage] == _work.key(stage) for stage in ("taxonomy", "interest_tree"))
        name = method_name(candidate.policy)
        if not candidate.kept or not same or config.transition.k != _work.config.transition.k or name in policies:
            continue
        try:
            policies[name] = Workspace(_work.store, config, dict(keys_there)).policy
        except ConfigError:
            too_old.append(candidate_name(candidate))
    for kind in COUNTED:
        if method_name(kind) not in policies:
            policies[method_name(kind)] = count_anew(_work, kind)
    return policies, too_old


def show_raw(work: Workspace, context: tuple[int, ...]) -> None:
    with st.expander("What the language model answered, word for word"):
        is_stale = policy_is_stale(work)
        try:
            found = raw_answers(work, context)
        except NotReady:  # all were left out since
            found = []
        if not found:
            st.info(why_no_answer(work, context, is_stale))
            return
        if is_stale:
            st.caption("Predictions were built from other answers or words than there are now; these are those of now.")
        table = pd.DataFrame(
            {
                "Its answer": [answer for answer, _ in found],
                "Taken as": [name if name else "no known interest: rejected" for _, name in found],
            }
        )
        st.dataframe(table, hide_index=True)


def why_no_answer(work: Workspace, context: tuple[int, ...], is_stale: bool) -> str:
    if work.learned_policy.knows(np.array([context]))[0]:
        return (
            "It answered for these starting points, and the prediction is made of that; but the answer was left out "
            "since, or is about other words than there are now, so it is not shown."
        )
    if is_stale:
        return "No answer about these starting points counts now. Predictions were built from other answers or words."
    return "It was not asked about these starting points; counts answer for it."
