"""How fine the interests are: a slider over one tree, the map, and what each interest holds."""

import numpy as np
import pandas as pd
import streamlit as st

from hierex import charts, curation_edits, exports, view
from hierex.comparison import compare_taxonomies
from hierex.result_keys import taxonomy_key
from hierex.wording import plain_markdown

ITEMS_SHOWN = 500

st.title("Granularity")
work = view.current_work()
tree = work.tree
number = view.chosen_number(work)
records = curation_edits.read_records(work.store)
taxonomy, _ = work.curated(number, records)
if tree.finest == 2:
    st.caption("There are too few different items for more than two interests.")
descriptions = work.descriptions(taxonomy, work.placed_edits())
names = [descriptions[node].name for node in taxonomy.cluster_ids]
every_name = {node: description.name for node, description in descriptions.items()}
sizes = taxonomy.hi - taxonomy.lo
share = taxonomy.traffic / max(taxonomy.traffic.sum(), 1.0)

view.preset_menu(work, number)
known = np.isfinite(taxonomy.coherence)  # merged interests have none
facts = st.columns(4)
facts[0].metric("Interests", f"{taxonomy.n_clusters:,}")
facts[1].metric(
    "Items in a typical interest", f"{int(np.median(sizes)):,}", help="Half of the interests hold more, half fewer."
)
facts[2].metric(
    "Busiest interest",
    f"{share.max() * taxonomy.n_clusters:.1f} × average",
    help="Traffic of the busiest interest against the average. Close to 1 means evenly balanced.",
)
facts[3].metric(
    "Likeness within",
    f"{np.average(taxonomy.coherence[known], weights=np.maximum(taxonomy.traffic[known], 1e-9)):.2f}",
    help="How alike the items of an interest are, from 0 (not at all) to 1 (the same). Finer interests are more alike.",
)
table = pd.DataFrame(
    {
        "Interest": names,
        "Changed": view.marks_of(taxonomy, len(tree.lo), records),
        "Items": sizes,
        "Traffic": taxonomy.traffic.astype(np.int64),
        "Share": share,
    },
    index=taxonomy.cluster_ids,
).sort_values("Traffic", ascending=False, kind="stable")

left, right = st.columns([3, 2])
with right:
    if taxonomy_key(number, records) != work.keys.get("taxonomy"):  # here, so that the slider stays under the hand
        most = work.config.table.most_interests
        too_many = f" They can be built on {most:,} at most." if taxonomy.n_clusters > most else ""
        looking = (
            f"You are looking at {taxonomy.n_clusters} interests. Predictions are built on {work.taxonomy.n_clusters}"
        )
        looking += "." if number != work.granularity else ", before the latest changes."
        st.info(looking + too_many)
        st.button(
            f"Build predictions on {taxonomy.n_clusters}",
            on_click=view.start_run,
            args=(view.config_at(work, number),),
            disabled=bool(too_many),
            type="primary",
            width="stretch",
        )
    view.find_interests(work, taxonomy, descriptions)
    st.caption("Choose interests here or in the hierarchy, or draw around items on the map.")
    same_rows = hash(tuple(taxonomy.cluster_ids.tolist()))
    table_key = f"interest_table-{work.store.path.stem}-{work.key('interest_tree')}-{same_rows}"
    view.select_chosen(table_key, taxonomy, table.index)
    picked = st.dataframe(
        table,
        hide_index=True,
        height=560,
        key=table_key,
        on_select=view.count_choice,
        selection_mode="multi-row",
        column_config={
            "Interest": st.column_config.TextColumn(width=165),
            "Changed": st.column_config.TextColumn(width=65) if table["Changed"].any() else None,
            "Items": st.column_config.NumberColumn(width=55),
            "Traffic": st.column_config.NumberColumn(width=60),
            "Share": st.column_config.ProgressColumn(
                "Share of traffic", format="percent", min_value=0, max_value=float(share.max()), width=95
            ),
        },
    )
chosen = table.index[picked["selection"]["rows"]]
view.keep_chosen(chosen.tolist())
with left:
    if work.item_map.method != "umap":
        st.caption("There are too few different items for the usual map (UMAP); this is a plain projection (PCA).")
    lassoed, clicked = view.live_map(work, taxonomy, every_name, number, chosen.tolist())

view.curation_bar(work, number, taxonomy, every_name, chosen.tolist())
if clicked >= 0:
    cluster = taxonomy.cluster_of_item[clicked]
    inside, heading = np.sort(taxonomy.items_of(cluster)), f"Items of “{names[cluster]}”"
elif len(lassoed):
    inside, heading = lassoed, f"{len(lassoed):,} item{'s' * (len(lassoed) > 1)} drawn around"
elif len(chosen):
    inside = np.flatnonzero(np.isin(taxonomy.cluster_ids[taxonomy.cluster_of_item], chosen))
    heading = "Items of " + ", ".join(f"“{descriptions[node].name}”" for node in chosen)
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
    st.dataframe(shown.head(ITEMS_SHOWN), hide_index=True, height=320)
    st.download_button(
        "Download these items (CSV)", exports.safe_csv(shown), "items.csv", "text/csv", icon=":material/download:"
    )

view.change_list(work, number, every_name)
if not np.array_equal(taxonomy.cluster_ids, work.taxonomy.cluster_ids):
    label = f"What is different from the {work.taxonomy.n_clusters} interests that predictions are built on"
    difference = st.expander(label, key="difference", on_change="rerun")  # not worked out while it is closed
    if difference.open:
        changes = compare_taxonomies(work.taxonomy, taxonomy, work.items["traffic"].to_numpy())
        built = work.descriptions(work.taxonomy, work.placed_edits())
        difference.plotly_chart(
            charts.interest_flow(
                changes,
                {node: d.name for node, d in built.items()},
                every_name,
                dict(zip(taxonomy.cluster_ids.tolist(), view.colors_of(work, taxonomy), strict=True)),
            ),
            alt="Which interests turned into which; the table below has all.",
        )
        difference.dataframe(
            pd.DataFrame(
                {
                    "From": [built[node].name for node in changes["before_id"]],
                    "To": [descriptions[node].name for node in changes["after_id"]],
                    "Items": changes["n_items"],
                    "Traffic": changes["traffic"].astype(np.int64),
                }
            ),
            hide_index=True,
        )
if "evaluation" in work.keys:
    with st.expander("How the choice plays out over all numbers of interests"):
        st.plotly_chart(charts.granularity_panel(work.evaluation["granularities"], taxonomy.n_clusters))
