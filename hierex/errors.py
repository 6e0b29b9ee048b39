"""What can go wrong, said so that a person knows what to do.

Every message says what was found, what is allowed and what to do next. The app and the command line show
the message as it is; anything that is not a `HierexError` is a fault of ours.
"""

from __future__ import annotations


class HierexError(Exception):
    """A problem that the person at the screen can do something about."""


class LogError(HierexError):
    """The item catalogue or the interaction log cannot be used as it is."""


class ConfigError(HierexError):
    """A setting is outside what is allowed."""


class EarlierVersion(ConfigError):
    """A policy that an earlier version of hierex kept, and that this one cannot use."""

    def __init__(self):
        super().__init__(
            "This policy was trained by an earlier version of hierex. Build again to train it anew; where it was "
            "released, release the new one."
        )


class EmbedderError(HierexError):
    """The text model cannot be loaded, or gave vectors that cannot be used."""


class TooLittleData(HierexError):
    """There is not enough to work with (items, interests, transitions)."""


class NotReady(HierexError):
    """A stage was asked for something that an earlier stage has not made yet."""


class StoreError(HierexError):
    """The workspace file cannot be used."""


class StoreBusy(StoreError):
    """Another process has the workspace open."""


class DiskFull(StoreError):
    """There is no room left to write; nothing was changed."""


class EditConflict(HierexError):
    """Somebody else changed the same thing in the meantime; nothing was overwritten."""


class Cancelled(HierexError):
    """The person asked for the work to stop; finished stages are kept."""


class LeftRunning(HierexError):
    """Nobody waits any more for what goes on at an endpoint, where it can be found again."""


class ModelError(HierexError):
    """The language model cannot be used as it is set up: asking again would not help."""


class NotThere(ModelError):
    """The endpoint has no such thing: it does not offer it, or does not know it any more."""


class PromptRefused(ModelError):
    """The language model did not take this one question; others it may take."""


class ModelBusy(ModelError):
    """The language model gave no answer, however often it was asked; later it may."""


class CapReached(HierexError):
    """Another question could cost more than the person allowed."""
