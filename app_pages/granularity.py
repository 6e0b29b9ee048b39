"""How fine the interests are: a slider over one tree, the map, and what each interest holds."""

import numpy as np
import pandas as pd
import streamlit as st

from hierex.files import exports
from hierex.kept import curation_edits
from hierex.taxonomy.comparison import same_interests, taxonomy_facts
from hierex.view.choice import keep_chosen, list_chosen_first, select_chosen, take_selection
from hierex.view.granularity.changes_made import change_list
from hierex.view.granularity.choice_panel import choice_panel
from hierex.view.granularity.curation import curation_bar, marks_of
from hierex.view.granularity.interest_search import find_interests
from hierex.view.granularity.live_map import live_map
from hierex.view.granularity.moving import move_button
from hierex.view.granularity.preset_menu import preset_menu
from hierex.view.granularity.side_by_side import side_by_side
from hierex.view.granularity.tree_note import tree_note
from hierex.view.interests import COUNT, chosen_number, config_at
from hierex.view.opened import current_work, is_busy, start_run
from hierex.wording import plain_markdown
from hierex.wording.granularities import fact

ITEMS_SHOWN = 500
MOST_NAMED = 3

st.title("Granularity")
work = current_work()
number = chosen_number(work)
records = curation_edits.read_records(work.store)
curated = work.curated(number, records)
tree, taxonomy = curated.tree, curated.taxonomy
if tree.finest == 2:
    st.caption("There are too few different items for more than two interests.")
descriptions = work.descriptions(taxonomy, work.placed_edits())
names = [descriptions[node].name for node in taxonomy.cluster_ids]
every_name = {node: description.name for node, description in descriptions.items()}

preset_menu(work, number)
tree_note(work, curated)
facts = {key: fact(key, value) for key, value in taxonomy_facts(taxonomy).items()}
places = st.columns(4)
places[0].metric(
    "Interests",
    f"{taxonomy.n_clusters:,}",
    help=f"The slider is at {number:,}; with what people changed there are {taxonomy.n_clusters:,}."
    if taxonomy.n_clusters != number
    else None,
)
places[1].metric("Typical size", facts["median_items"], help="In items. Half of the interests hold more, half fewer.")
places[2].metric(
    "Busiest interest",
    facts["largest_over_mean"],
    help="Traffic of the busiest interest, as a multiple of the average. Close to 1 means evenly balanced.",
)
places[3].metric(
    "Likeness within",
    facts["coherence"],
    help="How alike the items of an interest are, from 0 (not at all) to 1 (the same). Finer interests are more alike.",
)
table = pd.DataFrame(
    {
        "Interest": names,
        "Changed": marks_of(work, number, taxonomy, records),
        "Items": taxonomy.hi - taxonomy.lo,
        "Traffic": taxonomy.traffic.astype(np.int64),
        "Share": 100 * taxonomy.share,
    },
    index=taxonomy.cluster_ids,
).sort_values("Traffic", ascending=False, kind="stable")

is_changed = bool(table["Changed"].any())

left, right = st.columns([3, 2])
with right:
    if not same_interests(taxonomy, work.taxonomy):  # here, so that the slider stays under the hand
        most = work.config.table.most_interests
        too_many = f" They can be built on {most:,} at most." if taxonomy.n_clusters > most else ""
        looking = (
            f"You are looking at {taxonomy.n_clusters:,} interests. The latest predictions are built on "
            f"{work.taxonomy.n_clusters:,}"
        )
        looking += "." if number != work.granularity else ", before the latest changes."
        st.info(looking + too_many)
        st.button(
            f"Build predictions on {taxonomy.n_clusters:,}",
            on_click=start_run,
            args=(config_at(work, number),),
            disabled=bool(too_many) or is_busy(work.store),
            type="primary",
            width="stretch",
            help="How interests are predicted, and what is laid over that, stays as in the latest build.",
        )
    find_interests(work, curated, descriptions)
    st.caption("Choose interests here or in the hierarchy, or draw around items on the map.")
    table = list_chosen_first(table, taxonomy)
    same_rows = hash(tuple(table.index))
    table_key = f"interest_table-{work.store.path.stem}-{work.key('interest_tree')}-{same_rows}"
    select_chosen(table_key, taxonomy, table.index)
    picked = st.dataframe(
        table,
        hide_index=True,
        height=560,
        key=table_key,
        on_select=lambda: take_selection(table_key, table.index),
        selection_mode="multi-row",
        column_config={
            "Interest": st.column_config.TextColumn(width=112 if is_changed else 132),
            "Changed": st.column_config.TextColumn(width=106) if is_changed else None,
            "Items": st.column_config.NumberColumn(format="localized", width=50),
            "Traffic": st.column_config.NumberColumn(format="localized", width=54 if is_changed else 60),
            "Share": st.column_config.NumberColumn(help="Share of all traffic", format="%.2f%%", width=52),
        },
    )
chosen = table.index[picked["selection"]["rows"]]
keep_chosen(chosen.tolist())
with left:
    if work.item_map.method != "umap":
        st.caption("There are too few different items for the usual map (UMAP); this is a plain projection (PCA).")
    lassoed = live_map(work, curated, every_name, number, chosen.tolist())

curation_bar(work, number, taxonomy, every_name, chosen.tolist())
if len(lassoed):
    inside, heading = lassoed, f"{len(lassoed):,} item{'s' * (len(lassoed) > 1)} drawn around"
elif len(chosen):
    inside = np.flatnonzero(np.isin(taxonomy.cluster_ids[taxonomy.cluster_of_item], chosen))
    heading = "Items of " + ", ".join(f"“{descriptions[node].name}”" for node in chosen[:MOST_NAMED])
    heading += f" and {len(chosen) - MOST_NAMED:,} more" * (len(chosen) > MOST_NAMED)
else:
    inside, heading = np.array([], dtype=np.int64), ""

if len(inside):
    st.subheader(plain_markdown(heading))
    items = work.items.iloc[inside].assign(Interest=np.array(names, dtype=object)[taxonomy.cluster_of_item[inside]])
    items = items.sort_values("traffic", ascending=False, kind="stable")
    shown = items[["title", "Interest", "traffic", "item_id"]].rename(
        columns={"title": "Title", "traffic": "Traffic", "item_id": "Id"}
    )
    if len(shown) > ITEMS_SHOWN:
        st.caption(f"The {ITEMS_SHOWN} with most traffic of {len(shown):,}; the download holds all.")
    listed = st.dataframe(
        shown.head(ITEMS_SHOWN),
        hide_index=True,
        height=320,
        key=f"items-{work.store.path.stem}-{hash(tuple(shown.index[:ITEMS_SHOWN]))}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config={"Traffic": COUNT},
    )
    rows = shown.index[listed["selection"]["rows"]].to_numpy()
    st.caption(
        "Choose items here to move them to another interest."
        + " Without a choice, all that were drawn around move." * bool(len(lassoed))
    )
    with st.container(horizontal=True):
        move_button(work, number, taxonomy, every_name, rows if len(rows) else lassoed)
        st.download_button(
            "Download these items (CSV)",
            exports.safe_csv(shown),
            "items.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )

change_list(work, number, every_name)
side_by_side(work, number, taxonomy)
choice_panel(work, number)
