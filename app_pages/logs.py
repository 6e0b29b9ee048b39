"""What comes in: the catalogue, the log, what was left out and why; and the button that builds everything from it."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from hierex import imports, stored_logs, view, wording
from hierex.config import (
    LARGEST_SEED,
    VECTORS_IN_FILE,
    BehaviourConfig,
    EmbeddingConfig,
    RunConfig,
)
from hierex.embeddings import is_published_name
from hierex.logs import InteractionColumns, ItemColumns, LogFile, middle_rating
from hierex.presets import active_preset
from hierex.runs import config_of, read_runs, shown_run

FORMATS = "CSV, TSV, JSON Lines or Parquet; plain or compressed (.gz, .zst)"
NOT_THERE = "(none)"
PREVIEW_ROWS = 6

st.title("Logs")
store = view.current_store()
report = stored_logs.log_report(store)
import_jobs = st.session_state.setdefault("import_jobs", {})  # this session's, one at most in each workspace
for gone in [other for other in import_jobs if not other.is_open]:  # renamed or deleted meanwhile
    import_jobs.pop(gone).cancel()
imports_done = st.session_state.setdefault("imports_done", {})


def show_report(report) -> None:
    """What came in and what was left out, with examples."""
    facts = st.columns(5)
    facts[0].metric("Items", f"{report.items_kept:,}", help=f"{report.items_in:,} rows in the catalogue")
    facts[1].metric("People", f"{report.users_kept:,}", help=f"{report.users_in:,} in the log")
    facts[2].metric("Interactions", f"{report.interactions_kept:,}", help=f"{report.interactions_in:,} rows in the log")
    facts[3].metric("From", f"{report.first_date:%d %b %Y}" if report.has_dates else "no dates")
    facts[4].metric("To", f"{report.last_date:%d %b %Y}" if report.has_dates else "only an order")
    if report.vector_size:
        st.caption(f"Every item has a vector of {report.vector_size:,} numbers, to be chosen under 'More choices'.")
    if report.liked:
        st.caption(f"Only what is {wording.plain_markdown(report.liked)} shows an interest.")
    if not report.drops:
        st.caption("Nothing was left out.")
        return
    with st.expander(f"What was left out or changed, and why ({len(report.drops)})"):
        st.dataframe(
            pd.DataFrame(
                [{"Why": d.sentence, "Rows": d.count, "For example": ", ".join(d.examples)} for d in report.drops]
            ),
            hide_index=True,
        )


def show_build() -> None:
    """The one button: everything from the logs to grounded items."""
    st.subheader("Build")
    n_items = store.value("SELECT count(*) FROM items")
    last = next(iter(read_runs(store)), None)
    chosen = config_of(last.config) if last else RunConfig()
    active = active_preset(store)
    if active:
        chosen = replace(chosen, granularity=active.granularity)
    auto = st.toggle(
        "Let hierex choose the number of interests",
        value=chosen.granularity is None,
        key=f"auto_number-{store.path.stem}",
    )
    granularity = None
    if not auto:
        most = max(2, min(chosen.table.most_interests, n_items // 2))
        granularity = st.number_input(
            "Number of interests",
            2,
            most,
            min(chosen.granularity or 50, most),
            key=f"number_to_build-{store.path.stem}",
            help="You can look at any other number on the Granularity page without building again.",
        )
    with st.expander("More choices"):
        policy = view.choose_policy(chosen.policy, store.path.stem)
        recommender = view.choose_recommender(chosen.recommender, store.path.stem)
        model = choose_model(chosen.embedding.model)
        weight = choose_weight(chosen.behaviour.weight)
        seed = st.number_input(
            "Random start",
            0,
            LARGEST_SEED,
            chosen.seed,
            key=f"seed-{store.path.stem}",
            help="The same number gives the same result (the seed).",
        )
        regrow = st.checkbox(
            "Find the interests anew",
            key=f"regrow-{store.path.stem}",
            help="When the logs change, interests stay what they were and new items are put where they fit best. "
            "With this, all interests are found anew; what people wrote and changed goes to those that are most alike.",
        )
    config = RunConfig(
        granularity=granularity,
        seed=int(seed),
        regrow=regrow,
        policy=policy,
        recommender=recommender,
        embedding=EmbeddingConfig(model=model or chosen.embedding.model),
        behaviour=BehaviourConfig(weight=weight),
    )
    job = view.jobs().of(store.path)
    interrupted = last is not None and last.status in ("running", "stopped", "failed")
    label = "Continue building" if interrupted else "Build again" if last else "Build"
    st.button(
        label,
        type="primary",
        icon=":material/construction:",
        disabled=bool(job and job.active) or model is None,
        on_click=view.start_run,
        args=(config,),
    )
    left = view.expected_seconds(store)
    if not (job and job.active):
        st.caption(f"About {wording.duration(left)} when all is new. What is there already is used again.")
    else:
        doing = "Comparing" if job.goal == "comparison" else "Building"
        st.caption(f"{doing}. Progress is in the side bar; you can look around meanwhile.")


def choose_model(chosen: str) -> str | None:
    """The text model: the installed one, one in the server's folder, or the typed name of a published one."""
    own = [VECTORS_IN_FILE] * (report.vector_size is not None)
    if chosen == VECTORS_IN_FILE and not own:  # other logs than those of the last build
        chosen = EmbeddingConfig.model
    known = list(dict.fromkeys([EmbeddingConfig.model, *own, *view.server_models(), chosen]))
    short = {name: wording.model_label(name) for name in known}
    shown = {name: short[name] if list(short.values()).count(short[name]) == 1 else name for name in known}
    model = st.selectbox(
        "Text model",
        known,
        index=known.index(chosen),
        format_func=lambda name: shown.get(name, name),
        key=f"model-{store.path.stem}",
        accept_new_options=True,
        required=True,
        help="Which model reads the items' texts. The installed one knows English best. For other languages type the "
        "name of a published sentence-transformers model, such as paraphrase-multilingual-MiniLM-L12-v2: it is "
        "downloaded once, and your texts stay on this machine. Where the catalogue has a column of vectors, these are "
        "offered here too; the words that describe interests are then still read by the installed model.",
    )
    if model in known or is_published_name(model):
        return model
    st.error(f"'{wording.plain_markdown(model[:80])}' is no name of a published model. It looks like 'owner/model'.")
    return None


def choose_weight(chosen: float) -> float:
    """How much behaviour counts for the interests, and what that does."""
    percent = st.slider(
        "How much it counts who consumes what",
        0,
        95,
        round(100 * chosen),
        step=5,
        format="%d %%",
        key=f"behaviour-{store.path.stem}",
        help="At 0 % interests are formed by what the items' texts say alone. Above that, items that the same people "
        "consumed come together as well; what hardly anybody consumed yet is placed by its text. Only interactions "
        "before the time that is kept for measuring are used.",
    )
    show_weights()
    return percent / 100


def show_weights() -> None:
    """What several weights do to the interests that are shown, once somebody has asked for it."""
    run = shown_run(store)
    if run is None or "taxonomy" not in run.keys:
        st.caption("After the first build you can compare here what this changes.")
        return
    work = view.current_work()
    table = view.compared_weights(work)
    if table is not None:
        st.dataframe(wording.weights_table(table), hide_index=True)
        st.caption(
            f"{work.granularity:,} interests, formed anew with each weight, without what people changed about them. "
            "Predictions are by counting who moved where, on later time that they never saw, with the 95 % interval in "
            "brackets. More likeness of texts makes interests easier to name. A higher share of next interests makes "
            "better predictions, unless naming the most popular ones gains as much."
        )
        return
    job = view.jobs().of(store.path)
    st.button(
        "Compare what it changes",
        on_click=view.start_comparison,
        args=(work,),
        disabled=bool(job and job.active),
        icon=":material/compare_arrows:",
        help=f"Forms {work.granularity:,} interests four times, with 0, 25, 50 and 75 %. Nothing that you see changes.",
    )


def pick_file(what: str, key: str) -> LogFile | None:
    """An uploaded file, which stays chosen until another one is, or one from the server's folder, if there is one."""
    place = f"{key}-{store.path.stem}-{imports_done.get(store, 0)}"
    uploads = st.session_state.setdefault("uploads", {})
    uploaded = st.file_uploader(what, key=f"upload-{place}", help=FORMATS, on_change=lambda: uploads.pop(place, None))
    if uploaded is not None:
        uploads[place] = imports.spool(view.uploads_folder(), uploaded.file_id, uploaded.name, uploaded)
    kept = uploads.get(place)
    if kept and uploaded is None:
        st.caption(f"Still chosen: {wording.plain_markdown(kept.name)}. Upload another file to replace it.")
    return kept or pick_server_file(what, place)


def pick_server_file(what: str, place: str) -> LogFile | None:
    folder = view.server().files
    if folder is None:
        return None
    if not folder.is_dir():
        st.caption("The folder of files that this server's owner named (HIEREX_FILES) is not there.")
        return None
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    label = f"or a file on the server ({what.lower()})"
    name = st.selectbox(label, names, index=None, key=f"server-{place}", persist_state="session")
    return LogFile(folder / name, name) if name else None


def choose_column(label: str, columns: list[str], guess: str | None, key: str, *, optional: bool = False) -> str | None:
    options = [NOT_THERE, *columns] if optional else columns
    index = options.index(guess) if guess in options else (0 if optional else None)
    chosen = st.selectbox(label, options, index=index, key=key, placeholder="Choose a column", persist_state="session")
    return None if chosen == NOT_THERE else chosen


def show_mapping(items: LogFile, interactions: LogFile) -> tuple[ItemColumns, InteractionColumns] | None:
    """Which column is what, as recognised, to be corrected; None while something needed is not chosen."""
    item_rows, interaction_rows = view.preview(items), view.preview(interactions)
    item_guess, interaction_guess = view.guess(items, interactions)
    file_key = f"{items.path.name}-{interactions.path.name}"
    left, right = st.columns(2)
    with left:
        names = list(item_rows.columns)
        st.markdown("**Catalogue**")
        item_id = choose_column("Item id", names, item_guess.item_id, f"item_id-{file_key}")
        title = choose_column("Title", names, item_guess.title, f"title-{file_key}", optional=True)
        text = st.multiselect(
            "Other words about the item",
            names,
            list(item_guess.text),
            key=f"text-{file_key}",
            select_all=False,
            persist_state="session",
        )
        vector = choose_column("Vectors", names, item_guess.vector, f"vector-{file_key}", optional=True)
        st.dataframe(item_rows.head(PREVIEW_ROWS), hide_index=True)
    with right:
        names = list(interaction_rows.columns)
        st.markdown("**Log**")
        user_id = choose_column("Person id", names, interaction_guess.user_id, f"user-{file_key}")
        item = choose_column("Item id", names, interaction_guess.item_id, f"item-{file_key}")
        timestamp = choose_column("Time", names, interaction_guess.timestamp, f"time-{file_key}", optional=True)
        order = choose_column("Order", names, interaction_guess.order, f"order-{file_key}", optional=True)
        rating, liked_from = choose_rating(interaction_rows, interaction_guess, file_key)
        st.dataframe(interaction_rows.head(PREVIEW_ROWS), hide_index=True)
    if not (item_id and (title or text) and user_id and item):
        st.info("Choose the columns that were not recognised: item id, a title or other words, person id.")
        return None
    if rating and liked_from is None:
        st.info("Say from which rating on somebody liked an item, or choose no column of ratings.")
        return None
    of_log = InteractionColumns(user_id, item, timestamp, order, rating, liked_from)
    return ItemColumns(item_id, title, tuple(text), vector), of_log


def choose_rating(rows: pd.DataFrame, guess: InteractionColumns, file_key: str) -> tuple[str | None, float | None]:
    """The column of ratings, and what counts as liked; no column where every interaction counts."""
    guessed = None if guess.liked_from is None else guess.rating
    rating = choose_column("Rating", list(rows.columns), guessed, f"rating-{file_key}", optional=True)
    if rating is None:
        return None, None
    liked_from = st.number_input(
        "Liked from",
        value=middle_rating(rows[rating]),
        step=0.5,
        format="%g",
        placeholder="A number",
        key=f"liked_from-{file_key}-{rating}",
        persist_state="session",
        help="What is rated lower shows no interest: nothing is learned from it, nor is that person shown it again. "
        "What is not rated counts as liked; a number that stands for that, such as -1, counts as low. Choose no column "
        "of ratings to count everything.",
    )
    return rating, liked_from


def start_check(items: LogFile, item_columns: ItemColumns, interactions: LogFile, columns: InteractionColumns) -> None:
    job = imports.ImportJob(store, items, item_columns, interactions, columns)
    if view.doing(job.start):
        import_jobs[store] = job


def forget_import() -> None:
    import_jobs.pop(store).cancel()


def accept_import() -> None:
    job = import_jobs[store]

    def accept() -> None:
        with view.claimed(store.path):
            job.accept()

    if view.doing(accept, "The logs are in place. Press 'Build'."):
        del import_jobs[store]
        imports_done[store] = imports_done.get(store, 0) + 1


def draw_check(job: imports.ImportJob) -> None:
    """The check while it runs; then the page shows what it found."""
    if job.status == "checking":
        st.progress(job.share, "Checking the files …")
        st.button("Stop", on_click=forget_import, key="stop_check", icon=":material/stop_circle:")
    elif st.session_state.get("import_shown") is not job:
        st.session_state["import_shown"] = job
        st.rerun()


def show_import() -> None:
    st.subheader("Import other logs" if report else "Import your logs")
    job = import_jobs.get(store)
    if job is not None:
        st.fragment(run_every=1.0 if job.status == "checking" else None)(draw_check)(job)
        if job.status == "failed":
            st.error(wording.plain_markdown(job.error), icon=":material/error:")
            st.button("Change files or columns", on_click=forget_import, icon=":material/arrow_back:")
        elif job.status == "checked":
            st.markdown("**This is what would come in.** Nothing has been replaced yet.")
            show_report(job.report)
            with st.container(horizontal=True):
                st.button("Use these logs", type="primary", on_click=accept_import, icon=":material/check:")
                st.button("Change files or columns", on_click=forget_import, icon=":material/arrow_back:")
        return
    st.caption(
        f"Two files: a catalogue with a line per item, and a log with a line per interaction. {FORMATS}. "
        "Columns are recognised and can be corrected; you see what would come in before anything is replaced."
    )
    left, right = st.columns(2)
    with left:
        items = pick_file("Item catalogue", "items")
    with right:
        interactions = pick_file("Interaction log", "interactions")
    if not (items and interactions):
        return
    columns = show_mapping(items, interactions)
    if columns:
        st.button(
            "Check these files",
            type="primary",
            on_click=start_check,
            args=(items, columns[0], interactions, columns[1]),
        )


def exchange_logs() -> None:
    def exchange() -> None:
        with view.claimed(store.path):
            stored_logs.exchange_logs(store)

    view.doing(exchange, "The other logs are back. The same button returns from them.")


if report:
    show_report(report)
    previous = stored_logs.previous_report(store)
    if previous:
        st.button(
            f"Back to the logs before ({previous.items_kept:,} items, {previous.interactions_kept:,} interactions)",
            on_click=exchange_logs,
            icon=":material/undo:",
        )
    show_build()
show_import()
