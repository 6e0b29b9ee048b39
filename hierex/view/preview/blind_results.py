"""What came out of a blind comparison, for those who ask: which side is which, what was preferred, how sure it is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import streamlit as st

from ... import releases
from ...files import exports
from ...kept import judgements
from ...kept.judgements import ALIKE, FIRST, NEITHER, SECOND, Comparison, Judgement
from ...preview.agreement import (
    Agreement,
    Preference,
    measure_agreement,
    measure_preference,
)
from ...preview.judged import judged_frame
from ...wording import plain_markdown
from ...wording.labels import told_apart
from ...workspace import Workspace
from ..builds import candidate_name
from ..opened import doing

SAID = {FIRST: "A", SECOND: "B", ALIKE: "Both alike", NEITHER: "Neither is any good"}
UNKNOWN = "a build that is not measured any more"


def blind_results(work: Workspace, comparison: Comparison, author: str) -> None:
    st.subheader("Results")
    if not judgements.has_seen(work.store, comparison.comparison_id, author):
        st.caption(
            "They tell which side is which. What you judge after that is not blind any more and is left out of the "
            "results, so judge first."
        )
        st.button(
            "Show results",
            key="show_results",
            icon=":material/visibility:",
            on_click=doing,
            args=(lambda: judgements.reveal(work.store, comparison.comparison_id, author=author),),
        )
        return
    names = side_names(work)
    first, second = (names.get(run, UNKNOWN) for run in (comparison.first_run, comparison.second_run))
    every = judgements.read_judgements(work.store, comparison.comparison_id)
    blind = [judgement for judgement in every if judgement.blind]
    st.markdown(f"**A**: {plain_markdown(first)}  \n**B**: {plain_markdown(second)}")
    st.caption(
        "You have seen which side is which: what you judge from now on is kept, but it is not blind and does not count "
        f"here. {len(every) - len(blind):,} of {counted(len(every), 'judgement')} left out for that reason."
    )
    if blind:
        tell(blind)
    else:
        st.info("Nobody has judged it blind yet.")
    judged_csv(work, author)


def tell(blind: list[Judgement]) -> None:
    people, winners = [one.subject.key for one in blind], [one.winner for one in blind]
    preference = measure_preference(people, [one.reviewer for one in blind], winners)
    st.markdown(preference_text(preference))
    st.markdown(agreement_text(measure_agreement(people, winners)))
    left = sum(one.left_is_first == (one.winner == FIRST) for one in blind if one.winner in (FIRST, SECOND))
    decided = preference.counts[FIRST] + preference.counts[SECOND]
    if decided:
        st.caption(f"Of {decided:,} who chose a side, {left:,} took the one on the left: half is to be expected.")
    st.dataframe(by_reviewer(blind), hide_index=True)
    reasons = [one for one in blind if one.reason]
    if reasons:
        with st.expander("Reasons"):
            table = {"Said": [SAID[one.winner] for one in reasons], "Why": [one.reason for one in reasons]}
            st.dataframe(pd.DataFrame(table | {"Who": [one.author for one in reasons]}), hide_index=True)


def preference_text(preference: Preference) -> str:
    """In plain words, of the side that was preferred more often."""
    share, low, high = preference.share, preference.low, preference.high
    better = SAID[FIRST]
    if share < 0.5:
        better, share, low, high = SAID[SECOND], 1 - share, 1 - high, 1 - low
    people, reviewers = counted(preference.n_people, "person", "people"), counted(preference.n_reviewers, "reviewer")
    of = f"{counted(preference.n, 'judgement')} of {people} by {reviewers}"
    neither = preference.counts[ALIKE], preference.counts[NEITHER]
    ties = f"for neither side: {sum(neither):,}, counted half ({neither[0]:,} alike, {neither[1]:,} no good)"
    among = ""
    if preference.few_reviewers:
        among = ", among these reviewers" if preference.n_reviewers > 1 else ", for this reviewer alone"
    level = share == 0.5
    sure = f"95 % sure between {low:.0%} and {high:.0%}{among}"
    numbers = f"{'Each' if level else 'It'} won {share:.0%} of {of} ({sure}); {ties}."
    if preference.winner is not None:
        return f"**{better} is preferred.** {numbers}"
    found = "No difference was found." if preference.level else "Too few to say which one is preferred."
    return f"**{found}** {numbers if level else f'{better} is ahead. {numbers}'}"


def counted(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def agreement_text(agreement: Agreement) -> str:
    if not agreement.n_pairs:
        return "Nobody was judged by two reviewers yet, so it cannot be said how far reviewers agree."
    alpha = "cannot be said" if np.isnan(agreement.alpha) else f"{agreement.alpha:.2f}"
    people, pairs = counted(agreement.n_people, "person", "people"), counted(agreement.n_pairs, "pair")
    return (
        f"{people} judged by several reviewers, who said the same in {agreement.share:.0%} of {pairs}. "
        f"Agreement beyond chance (Krippendorff's alpha): {alpha}; 1 is full agreement, 0 what chance brings, and 0.67 "
        "is often asked for."
    )


def by_reviewer(blind: list[Judgement]) -> pd.DataFrame:
    counts = Counter((one.reviewer, one.winner) for one in blind)
    called = dict(sorted({one.reviewer: one.author for one in blind}.items()))
    table = {name: [counts[reviewer, winner] for reviewer in called] for winner, name in SAID.items()}
    return pd.DataFrame({"Reviewer": list(called.values())} | table)


def side_names(work: Workspace) -> dict[int, str]:
    """By the id of each run, what its build is called."""
    candidates = releases.list_candidates(work.store)
    names = told_apart([candidate_name(candidate) for candidate in candidates])
    return {run_id: name for candidate, name in zip(candidates, names, strict=True) for run_id in candidate.same}


def judged_csv(work: Workspace, author: str) -> None:
    """A button that downloads all that was judged. Nobody is told the sides of what they may still judge blind."""

    def make() -> bytes:
        names = side_names(work)
        return exports.safe_csv(judged_frame(work, lambda run_id: names.get(run_id, UNKNOWN), reader=author))

    stem = work.store.path.stem
    st.download_button(
        "Download all that was judged (CSV)",
        make,
        f"{stem}-judged.csv",
        "text/csv",
        key="judged_csv",
        icon=":material/download:",
        help="Thumbs on predictions and items, and blind comparisons. Which build was which is told of those whose "
        "results you have seen.",
        on_click="ignore",
    )
