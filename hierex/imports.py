"""Importing logs: checked in a scratch file first, put in place only when a person has seen the report."""

from __future__ import annotations

import logging
import re
import shutil
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from .config import Progress, no_progress
from .errors import DiskFull, HierexError
from .kept import stored_logs
from .logs import InteractionColumns, ItemColumns, LogFile, LogReport, guess_columns, preview, stage_logs
from .store import Scratch, Store, plain_errors
from .workspace_folder import UPLOADS, clear_leftovers

log = logging.getLogger(__name__)

PORTION = 1 << 20


def spool(folder: Path, file_id: str, name: str, stream: BinaryIO) -> LogFile:
    """An upload as a file on disk, written once; the name that the person gave it is only shown, never used."""
    path = folder / re.sub(r"\W", "", file_id)
    if not path.exists():
        part = path.with_suffix(".part")
        try:
            stream.seek(0)
            with part.open("wb") as out:
                shutil.copyfileobj(stream, out, PORTION)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise DiskFull(f"The upload cannot be kept on the server: {error.strerror or error}.") from error
    return LogFile(path, name)


def preview_file(folder: Path, file: LogFile) -> pd.DataFrame:
    """The first rows of a file. Raises LogError when it cannot be read."""
    scratch = Scratch(folder)
    try:
        return preview(scratch.database, file)
    finally:
        scratch.discard()


def import_logs(
    store: Store,
    items: LogFile,
    interactions: LogFile,
    *,
    liked_from: float | None = None,
    progress: Progress = no_progress,
) -> LogReport:
    """Recognises the columns, checks the logs and puts them in place, unless these very logs are there already.

    liked_from: what is rated lower shows no interest; without it every interaction does, whatever its rating.
    Raises LogError when a needed column is not recognised or the logs cannot be used; nothing is changed then.
    """
    clear_leftovers(store.path.parent)
    scratch = Scratch(store.path.parent)
    try:
        database = scratch.database
        with plain_errors(scratch.path):
            of_items, of_log = guess_columns(preview(database, items), preview(database, interactions))
            of_log = replace(of_log, liked_from=liked_from)
            report = stage_logs(database, items, of_items, interactions, of_log, progress=progress)
        scratch.finish()
        put_in_place(store, scratch, report)
    finally:
        scratch.discard()
    return report


def put_in_place(store: Store, scratch: Scratch, report: LogReport) -> None:
    present = stored_logs.log_report(store)
    if present is None or present.content_key != report.content_key:
        stored_logs.replace_logs(store, scratch, report)


@dataclass
class ImportJob:
    """An import in the background. status: checking, checked, failed, stopped, done."""

    store: Store
    items: LogFile
    item_columns: ItemColumns
    interactions: LogFile
    interaction_columns: InteractionColumns
    status: str = "checking"
    share: float = 0.0
    error: str = ""
    report: LogReport | None = None
    scratch: Scratch | None = field(default=None, repr=False)
    _changing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> ImportJob:
        clear_leftovers(self.store.path.parent)
        self.scratch = Scratch(self.store.path.parent)
        threading.Thread(target=self._check, daemon=True).start()
        return self

    def cancel(self) -> None:
        """Stops checking at once, or gives up what was checked; the workspace stays as it is."""
        with self._changing:
            before, self.status = self.status, "stopped"
        if before == "checking":
            self.scratch.interrupt()
        else:
            self.scratch.discard()

    def accept(self) -> None:
        """Puts the checked logs in place of the workspace's; uploads have served their purpose then."""
        put_in_place(self.store, self.scratch, self.report)
        self.scratch.discard()
        for file in (self.items, self.interactions):
            if file.path.parent.name == UPLOADS:
                file.path.unlink(missing_ok=True)
        self.status = "done"

    def _check(self) -> None:
        try:
            with plain_errors(self.scratch.path):
                report = stage_logs(
                    self.scratch.database,
                    self.items,
                    self.item_columns,
                    self.interactions,
                    self.interaction_columns,
                    progress=self._progress,
                )
            self.scratch.finish()
        except Exception as error:
            self.scratch.discard()
            with self._changing:
                if self.status == "checking":
                    self.status, self.error = "failed", plain_reason(error)
            return
        with self._changing:
            if self.status == "checking":
                self.report, self.status = report, "checked"
        if self.status == "stopped":
            self.scratch.discard()

    def _progress(self, share: float) -> None:
        self.share = share


def plain_reason(error: Exception) -> str:
    if isinstance(error, HierexError):
        return str(error)
    log.exception("an import failed", exc_info=error)
    return f"These files cannot be read ({type(error).__name__}: {error}). The workspace was not changed."
