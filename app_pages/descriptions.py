"""What is said about each interest: inspect it, edit it, take it back."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from hierex import description_edits, exports, view, wording
from hierex.result_keys import policy_is_stale
from hierex.wording import SOURCE_NAMES

EXAMPLES = 40

st.title("Descriptions")
work = view.current_work()
taxonomy = view.chosen_taxonomy(work)
edits = description_edits.read_edits(work.store)
placed, unplaced = work.place_edits(edits)
descriptions = work.descriptions(taxonomy, placed)
nodes = taxonomy.cluster_ids
share = taxonomy.traffic / max(taxonomy.traffic.sum(), 1.0)


def table_row(node: int) -> dict:
    d = descriptions[node]
    return {"Name": d.name, "Phrases": ", ".join(d.phrases), "Summary": d.summary, "Written": SOURCE_NAMES[d.source]}


def save_changes() -> None:
    """Keeps what was typed into the table, row by row; a row that cannot be kept says why and the rest are kept."""
    seen, handled = st.session_state["seen_edits"], st.session_state["handled_rows"]
    edited = st.session_state[editor_key]["edited_rows"]
    for row, changes in description_edits.take_new_changes(edited, handled).items():
        node = int(st.session_state["rows_shown"][int(row)])
        wanted = changed_description(descriptions[node], changes)
        if wanted == descriptions[node]:
            continue

        def save(node=node, wanted=wanted) -> None:
            seen[node] = view.save_description(work, taxonomy, wanted, seen.get(node))
            mine.append(seen[node])
            taken_back.clear()

        if not view.doing(save, f"Saved “{wanted.name}”."):
            show_table_anew()


def show_table_anew() -> None:
    """With what is kept now, and without what the table itself remembers."""
    st.session_state["editor_version"] = st.session_state.get("editor_version", 0) + 1


def changed_description(description, changes: dict):
    phrases = changes.get("Phrases")
    return replace(
        description,
        name=changes.get("Name", description.name) or "",
        phrases=tuple((phrases or "").split(",")) if "Phrases" in changes else description.phrases,
        summary=changes.get("Summary", description.summary) or "",
    )


def take_back(edit_id: int) -> None:
    if view.doing(lambda: description_edits.undo_edit(work.store, edit_id), "Taken back."):
        view.move_change(edit_id, mine, taken_back)
    show_table_anew()


def bring_back(edit_id: int) -> None:
    edit = next(edit for edit in edits if edit.edit_id == edit_id)
    later = [e for e in edits if e.edit_id > edit_id and not e.undone and placed_alike(e, edit)]
    done = "Brought back, beneath a later change, which is still shown." if later else "Brought back."
    if view.doing(lambda: description_edits.redo_edit(work.store, edit_id), done):
        view.move_change(edit_id, taken_back, mine)
    show_table_anew()


def placed_alike(one: description_edits.Edit, other: description_edits.Edit) -> bool:
    return (one.tree_key, one.node_id) == (other.tree_key, other.node_id)


def state_of(edit: description_edits.Edit) -> str:
    if edit.undone:
        return "taken back"
    if edit in placed.values():
        return "shown"
    return "fits no interest any more" if edit in unplaced else "changed again since"


def show_history() -> None:
    """Every change that anybody made, latest first; each can be taken back or brought back."""
    changes = edits[::-1]
    table = pd.DataFrame(
        [
            {
                "When": edit.edited_at,
                "By": edit.author or "(no name given)",
                "Name": edit.name,
                "Phrases": ", ".join(edit.phrases),
                "Summary": edit.summary,
                "Now": state_of(edit),
            }
            for edit in changes
        ]
    )
    picked = st.dataframe(
        table,
        hide_index=True,
        key=f"history-{work.store.path.stem}-{len(changes)}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={"When": st.column_config.DatetimeColumn("When (UTC)", format="D MMM YYYY, HH:mm")},
    )
    chosen = next((changes[row] for row in picked["selection"]["rows"]), None)
    if chosen is None:
        st.caption("Choose a change to take it back, or to bring it back.")
    elif chosen.undone:
        st.button("Bring back the chosen change", on_click=bring_back, args=(chosen.edit_id,), icon=":material/redo:")
    else:
        st.button("Take back the chosen change", on_click=take_back, args=(chosen.edit_id,), icon=":material/undo:")


# What Undo and Redo work on: this session's changes in this workspace, never those of other people.
mine, taken_back = view.own_changes("descriptions", work.store)


human = sum(descriptions[node].source == "human" for node in nodes)
st.caption(
    f"{taxonomy.n_clusters:,} interests, {human} described by a person, {taxonomy.n_clusters - human} from keywords. "
    "Double-click a name, its phrases (separated by commas) or its summary to change it. "
    "A change is saved at once, and no machine ever writes over it."
)
search_box, author_box = st.columns([3, 1])
search = search_box.text_input("Search", key="description_search", placeholder="A word in a name, phrase or summary")
author_box.text_input("Your name", key="author", persist_state="session", placeholder="shown with your changes")

rows = pd.DataFrame([table_row(node) for node in nodes], index=nodes)
rows["Items"], rows["Share"] = taxonomy.hi - taxonomy.lo, share
rows = rows.sort_values("Share", ascending=False, kind="stable")
rows, checked = view.description_checks(work, taxonomy, descriptions, placed, rows)
if search:
    texts = rows["Name"] + " " + rows["Phrases"] + " " + rows["Summary"]
    rows = rows[texts.str.contains(search.strip(), case=False, regex=False)]
    if not len(rows):
        st.info("No interest holds these words.")

version = st.session_state.get("editor_version", 0)
shown = hash(tuple(nodes.tolist()))
editor_key = f"editor-{work.store.path.stem}-{work.key('interest_tree')}-{shown}-{version}-{search}-{checked}"
if st.session_state.get("editor_shown") != editor_key or editor_key not in st.session_state:
    st.session_state["editor_shown"] = editor_key
    st.session_state["handled_rows"] = {}
    st.session_state["seen_edits"] = {node: edit.edit_id for node, edit in placed.items()}
    st.session_state["rows_shown"] = rows.index.tolist()
    st.session_state["editor_rows"] = rows
st.data_editor(
    st.session_state["editor_rows"],
    key=editor_key,
    on_change=save_changes,
    hide_index=True,
    height=460,
    disabled=["Written", "Items", "Share", *view.CHECK_COLUMNS],
    column_config={
        "Name": st.column_config.TextColumn(width=190, max_chars=description_edits.LONGEST_NAME, required=True),
        "Phrases": st.column_config.TextColumn(width=290, required=True),
        "Summary": st.column_config.TextColumn(width=240, max_chars=description_edits.LONGEST_TEXT),
        "Written": st.column_config.TextColumn(width=105),
        "Items": st.column_config.NumberColumn(width=55),
        "Share": st.column_config.ProgressColumn(
            "Share of traffic", format="percent", max_value=float(share.max()), width=120
        ),
        **view.CHECK_COLUMNS,
    },
)

history, download = st.columns([3, 1])
with history, st.container(horizontal=True):
    st.button("Undo", disabled=not mine, on_click=take_back, args=(mine[-1:] or [None]), icon=":material/undo:")
    st.button(
        "Redo", disabled=not taken_back, on_click=bring_back, args=(taken_back[-1:] or [None]), icon=":material/redo:"
    )
    last = next((edit for edit in reversed(edits) if not edit.undone), None)
    if last:
        name, when = wording.plain_markdown(last.name), f"{last.edited_at:%d %b %H:%M} UTC"
        st.caption(f"Last change: “{name}” {wording.by_whom(last.author)}, {when}")
download.download_button(
    "Download (CSV)",
    exports.safe_csv(rows),
    "interests.csv",
    "text/csv",
    icon=":material/download:",
)
if policy_is_stale(work):
    note, button = st.columns([3, 1], vertical_alignment="center")
    note.info("Descriptions changed since the predictions were built. They count once the predictions are built again.")
    button.button("Build again", on_click=view.start_run, args=(work.config,), type="primary", width="stretch")

if edits:
    kept = f"; {len(unplaced)} fit no interest any more and are kept here" if unplaced else ""
    with st.expander(f"All changes ({len(edits)}{kept})"):
        show_history()

st.subheader("Look closer")
if len(rows):
    node = st.selectbox(
        "Interest",
        rows.index.tolist(),
        format_func=lambda node: descriptions[node].name,
        key="closer",
        label_visibility="collapsed",
    )
    place = taxonomy.index_of(node)
    items = work.items.iloc[taxonomy.items_of(place)].sort_values("traffic", ascending=False, kind="stable")
    words, examples = st.columns([1, 2])
    with words, st.container(border=True):
        d = descriptions[node]
        st.markdown(f"**{wording.plain_markdown(d.name)}**")
        st.markdown(wording.plain_markdown(d.summary))
        st.markdown("\n".join(f"- {wording.plain_markdown(phrase)}" for phrase in d.phrases))
        st.caption(
            f"Written {SOURCE_NAMES[d.source]}" + (f" {wording.by_whom(placed[node].author)}" if node in placed else "")
        )
        if node in placed:
            machine = work.descriptions(taxonomy, {})[node]
            st.caption(wording.plain_markdown(f"The machine's words: {machine.name}. {machine.summary}"))
            st.button("Take this change back", on_click=take_back, args=(placed[node].edit_id,), icon=":material/undo:")
    shown = items[["title", "traffic"]].rename(columns={"title": "Title", "traffic": "Traffic"})
    examples.dataframe(shown.head(EXAMPLES), hide_index=True, height=360)
    examples.caption(f"{min(EXAMPLES, len(items))} of {len(items):,} items, those with most traffic.")
