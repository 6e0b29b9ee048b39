"""How well the predictions do on time that training never saw."""

import streamlit as st

from hierex import charts, wording
from hierex.evaluation import MATCH_RATE
from hierex.view.builds import say_latest_build
from hierex.view.evaluation.experiment import simulated_trial
from hierex.view.evaluation.list_measures import list_measures
from hierex.view.interests import COUNT, say_note
from hierex.view.opened import current_work
from hierex.wording.names import method_name

st.title("Evaluation")
work = current_work()
parts = work.evaluation
policies, items = parts["policies"], parts["items"]

when = wording.split_text(work.interactions, work.judged_from)
blended = "" if work.judged_from == work.split else " (the most recent of it only for the refresh)"
st.markdown(
    f"Who moves where was learned from what happened before **{when}**{blended}, and is measured on what happened from "
    f"then on, at **{work.taxonomy.n_clusters:,} interests**. The interests themselves were formed from the whole "
    "catalogue, and balanced by the traffic of the whole log."
)

say_latest_build(work)
st.subheader("The next new interest")
say_note(work)
if not len(policies):
    st.info("Nobody reached a new interest in the later part of the log, so there is nothing to measure.")
else:
    recall = policies[policies["metric"] == "recall@10"].set_index("policy")
    st.markdown(wording.evaluation_sentence(recall))
    st.plotly_chart(charts.evaluation_bars(policies), alt="Share of right answers by method; the table below has all.")
    matches = policies[policies["metric"] == MATCH_RATE]
    if (matches["note"] != "").all():
        st.caption("All of these answers are known interests, by construction: the methods can only choose among them.")
    for row in matches[matches["note"] == ""].itertuples():
        st.caption(f"{method_name(row.policy)}: {row.value:.0%} of its raw answers are known interests.")
    with st.expander("All numbers"):
        st.dataframe(wording.metric_table(policies, "policy"), hide_index=True, column_config={"Cases": COUNT})

st.subheader("The next item")
if not len(items):
    st.info("Nobody came back in the later part of the log, so there is nothing to measure.")
else:
    st.caption("The recommender that finds items, without being held to an interest: each person's first new item.")
    st.plotly_chart(charts.evaluation_bars(items, who="recommender"), alt="Share of right answers by recommender.")
    with st.expander("All numbers"):
        st.dataframe(wording.metric_table(items, "recommender"), hide_index=True, column_config={"Cases": COUNT})

list_measures(parts.get("lists"), rated=bool(len(work.disliked.item_index)))
simulated_trial(work)

st.page_link(
    "app_pages/granularity.py",
    label="How other numbers of interests would play out, and what earlier builds measured there",
    icon=":material/account_tree:",
)
