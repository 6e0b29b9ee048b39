"""What was ordered at the endpoint: it can be followed, collected or stopped whatever would be ordered now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import groupby

import pandas as pd
import streamlit as st

from ...jobs.asking import start_collecting, start_following
from ...kept import answer_batches, tunings
from ...llm.endpoint import Endpoint
from ...wording import plain_markdown
from ...wording.models import batch_text, elsewhere_text, open_tuning_text, tuning_state
from ...workspace import Workspace
from ..opened import doing, is_busy, jobs
from ..sidebar import POLL_SECONDS


def live(show: Callable[..., None], busy: bool) -> Callable[..., None]:
    """The same, drawn anew while something goes on, which is when nothing in it can be pressed."""
    return st.fragment(run_every=POLL_SECONDS)(show) if busy else show


def open_orders(work: Workspace) -> None:
    """At the endpoint that is set up, if there is one."""
    endpoint, busy = Endpoint.from_environment(), is_busy(work.store)
    if endpoint is not None:
        live(show_open, busy)(work, endpoint, busy)


def show_open(work: Workspace, endpoint: Endpoint, busy: bool) -> None:
    opened = tunings.open_tunings(work.store, endpoint.url)
    handed_over = sorted(answer_batches.open_batches(work.store, endpoint.url), key=way_of)
    elsewhere = answer_batches.batches_elsewhere(work.store, endpoint.url)
    if not (opened or handed_over or elsewhere):
        return
    st.markdown("**Ordered at the endpoint, and not done here**")
    for tuning in opened:
        start = partial(start_following, jobs(), work, tuning, endpoint)
        offer_open(open_tuning_text(tuning), "Follow", f"tuning-{tuning.tuning_id}", busy, start)
    for _, group in groupby(handed_over, key=way_of):
        first, *others = group
        whole = replace(first, n_requests=first.n_requests + sum(kept.n_requests for kept in others))
        start = partial(start_collecting, jobs(), work, first.asked, replace(endpoint, model=first.model))
        offer_open(batch_text(whole), "Collect", f"batch-{first.row_id}", busy, start)
    for place, kept in elsewhere:
        st.markdown(f"{plain_markdown(elsewhere_text(place, kept))}.")


def way_of(kept: answer_batches.KeptBatch) -> tuple:
    return kept.model, kept.form, kept.temperature, kept.prompt


def offer_open(text: str, going_on: str, key: str, busy: bool, start: Callable[..., object]) -> None:
    """start: takes `stop`."""
    said, go, end = st.columns([4, 1, 1], vertical_alignment="center")
    said.markdown(plain_markdown(text))
    go.button(going_on, key=f"go-{key}", disabled=busy, on_click=begin, args=(start,))
    end.button(
        "Stop",
        key=f"end-{key}",
        disabled=busy,
        on_click=begin,
        args=(partial(start, stop=True),),
        help="Ends it at the endpoint. What it did until then may have to be paid.",
    )


def show_tunings(work: Workspace) -> None:
    known = tunings.read_tunings(work.store)
    if not known:
        return
    table = pd.DataFrame(
        {
            "Ordered (UTC)": [f"{tuning.started_at:%Y-%m-%d %H:%M}" for tuning in known],
            "From": [tuning.model for tuning in known],
            "State": [tuning_state(tuning) for tuning in known],
            "New model": [tuning.tuned_model for tuning in known],
            "Why": [tuning.reason for tuning in known],
        }
    )
    st.dataframe(table, hide_index=True)


def begin(start: Callable[[], object]) -> None:
    """For callbacks."""
    doing(start, "Begun in the background; you can go on looking around.")
