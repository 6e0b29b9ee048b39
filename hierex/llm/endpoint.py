"""Where the language model is, as the environment says it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ..errors import ConfigError

OPENAI = "https://api.openai.com/v1"
LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Endpoint:
    """Where a language model is, its name, and the key, which no text of this object shows."""

    url: str
    model: str
    key: str = field(default="", repr=False)

    def __post_init__(self):
        parts = split(self.url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "The address of the language model must be one that starts with http:// or https://. "
                "Correct HIEREX_LLM_URL."
            )
        if parts.username or parts.password or parts.query:
            raise ConfigError(
                "The address of the language model holds more than a place (a name, a password or a '?'). "
                "Put the key into HIEREX_LLM_KEY and the plain address into HIEREX_LLM_URL."
            )
        if not (self.key.isascii() and self.key.isprintable()):
            raise ConfigError("The key of the language model holds a character that no key has. Copy it anew.")

    def __getstate__(self) -> None:
        """Raises TypeError: with it the key would be written to wherever objects are kept."""
        raise TypeError("An endpoint holds a key, so it is not stored.")

    @property
    def place(self) -> str:
        """The host that texts are sent to."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine."""
        return self.place in LOCAL

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Endpoint | None:
        """What HIEREX_LLM_MODEL, HIEREX_LLM_URL and HIEREX_LLM_KEY say; None where no model is named.

        So a key that lies in the environment for another purpose never has anything sent. Without HIEREX_LLM_URL,
        address and key are OPENAI_BASE_URL and OPENAI_API_KEY, as for other tools; with it, OpenAI's key is not used,
        since it would be sent to somebody else. Streamlit puts the top level of its secrets into the environment.
        Raises ConfigError for an address or key that cannot be used.
        """
        found = os.environ if environment is None else environment
        model, url = (found.get(name, "").strip() for name in ("HIEREX_LLM_MODEL", "HIEREX_LLM_URL"))
        key = found.get("HIEREX_LLM_KEY", "").strip()
        if not model:
            return None
        if url:
            return cls(url, model, key)
        url = found.get("OPENAI_BASE_URL", "").strip() or OPENAI
        return cls(url, model, key or found.get("OPENAI_API_KEY", "").strip())


def split(url: str) -> SplitResult | None:
    """The parts of an address; None where it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
