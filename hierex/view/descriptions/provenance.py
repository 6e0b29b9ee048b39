"""Where a description comes from: every version, what the model was shown beside what it said, and the way back."""

from __future__ import annotations

import difflib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
import streamlit as st

from ...descriptions import Description
from ...kept import model_answers
from ...kept.description_edits import Edit, say_the_same
from ...kept.model_answers import ModelAnswer
from ...taxonomy import MERGED_FROM
from ...wording import SOURCE_NAMES, by_whom, money, plain_markdown
from ...workspace import Workspace
from ..changes import choose_row
from ..opened import doing
from .described import Described, save_words, show_table_anew

STATES = {"accepted": "used", "faulty": "asked once more", "failed": "could not be used"}


@dataclass(frozen=True)
class Version:
    """One description that an interest had or was offered. when, answer: None for keywords; state: in a few words."""

    description: Description
    by: str
    state: str
    when: datetime | None = None
    answer: ModelAnswer | None = None


def provenance_card(described: Described, node: int) -> None:
    """Every version of this interest's description, what is different, and a button that brings it back."""
    work, shown = described.work, described.descriptions[node]
    own_tree = (edit for edit in described.edits if node >= MERGED_FROM or edit.tree_key == work.tree_key)
    here = [edit for edit in own_tree if edit.node_id == node]
    placed = described.placed.get(node)
    if placed and placed not in here:  # made in an earlier tree, of an interest that is most like this one
        here.append(placed)
    versions = list_versions(work, node, here)
    card = st.expander(f"Where this comes from ({len(versions)} version{'s' * (len(versions) != 1)})")
    with card:
        table = pd.DataFrame(
            [
                {
                    "When": version.when,
                    "Written": version.by,
                    "Name": version.description.name,
                    "Phrases": version.description.text(),
                    "Now": "shown" if say_the_same(version.description, shown) else version.state,
                }
                for version in versions
            ]
        )
        chosen = choose_row(table, versions, key=f"versions-{work.store.path.stem}-{shown.cluster_id}-{len(versions)}")
        if chosen is None:
            st.caption("Choose a version to see what is different, what the model was shown, and to use it again.")
            return
        if not say_the_same(chosen.description, shown):
            st.html(difference(shown, chosen.description))
            if chosen.description.phrases:
                st.button(
                    "Use this version",
                    key=f"use-version-{shown.cluster_id}",
                    icon=":material/history:",
                    on_click=use_version,
                    args=(described, chosen.description),
                )
        if chosen.answer:
            show_answer(work, chosen.answer)


def list_versions(work: Workspace, node: int, edits: Sequence[Edit]) -> list[Version]:
    """Latest first; the keywords, with which everything begins, last. edits: of people, of this interest."""
    by_people = [
        Version(
            Description(node, edit.name, edit.phrases, edit.summary, "human"),
            f"{SOURCE_NAMES['human']} {by_whom(edit.author)}",
            "taken back" if edit.undone else "replaced",
            edit.edited_at,
        )
        for edit in edits
    ]
    if node >= MERGED_FROM:
        return sorted(by_people, key=lambda version: version.when, reverse=True)
    answers = model_answers.read_answers(work.store, work.tree_key, node, work.node_contents[node])
    by_model = [
        Version(
            Description(node, answer.name, answer.phrases, answer.summary, "model", answer.unclear),
            f"{SOURCE_NAMES['model']} ({answer.model})",
            "taken back" if answer.undone else STATES[answer.status],
            answer.answered_at,
            answer,
        )
        for answer in answers
    ]
    keywords = Version(work.machine_descriptions[node], SOURCE_NAMES["keywords"], "replaced")
    return [*sorted(by_people + by_model, key=lambda version: version.when, reverse=True), keywords]


def show_answer(work: Workspace, answer: ModelAnswer) -> None:
    """What the model was shown beside what it said, and what that took. All of it is text, whatever it holds."""
    cost = "price not known" if answer.dollars is None else money(answer.dollars)
    about = "about " * answer.tokens_estimated
    st.caption(
        plain_markdown(
            f"{answer.model}, in {answer.language}, prompt {answer.prompt_version}; {answer.seconds:.1f} seconds, "
            f"{about}{answer.tokens_read:,} tokens read and {answer.tokens_written:,} written, {cost}"
            + (f"; asked {answer.tries} times" if answer.tries > 1 else "")
        )
    )
    for fault in answer.faults:
        st.warning(plain_markdown(fault))
    left, right = st.columns(2)
    left.caption("What it was shown")
    left.code(
        "\n\n".join(str(message.get("content", "")) for message in answer.messages), None, wrap_lines=True, height=320
    )
    right.caption("What it said")
    right.code(answer.answer or "(nothing)", None, wrap_lines=True, height=320)
    titles = work.items.set_index("item_id")["title"]
    st.caption(f"It was shown {len(answer.item_ids)} items:")
    listed = [titles.get(item, "no longer in the catalogue") for item in answer.item_ids]
    st.dataframe(pd.DataFrame({"Item": listed}), hide_index=True, height=160)


def use_version(described: Described, wanted: Description) -> None:
    """For callbacks: the version becomes a change by this person, on top of all others."""
    seen = {wanted.cluster_id: described.edit_seen(wanted.cluster_id)}
    doing(lambda: save_words(described, [wanted], seen), f"“{wanted.name}” is used again.")
    show_table_anew()


def difference(before: Description, after: Description) -> str:
    """HTML that strikes out what would go and underlines what would come, for name, phrases and summary."""
    pairs = ((before.name, after.name), (before.text(), after.text()), (before.summary, after.summary))
    return "<br>".join(marked(old, new) for old, new in pairs)


def marked(old: str, new: str) -> str:
    """Word by word; every word is escaped."""
    one, other = old.split(), new.split()
    parts = []
    for what, i, j, k, m in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        kept, goes, comes = (html.escape(" ".join(words)) for words in (one[i:j], one[i:j], other[k:m]))
        if what == "equal":
            parts.append(kept)
            continue
        parts += [f"<del>{goes}</del>"] if goes else []
        parts += [f"<ins>{comes}</ins>"] if comes else []
    return " ".join(parts)
