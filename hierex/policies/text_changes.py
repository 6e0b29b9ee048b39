"""What a text model learned from moves: low-rank changes to its weights, and reading words with them.

The changes belong to the policy that they were learned for. They are applied to a model of its own, so that the one
which everything else is read with stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..config import EmbeddingConfig, Progress, no_progress
from ..embeddings import embed_texts
from ..errors import ConfigError
from ..text_models import load_own, quiet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

RANK = 8
"""Of the changes to each matrix (LoRA; Hu et al. 2021)."""


@dataclass(frozen=True)
class TextChanges:
    """weights: the small matrices beside those of the text model, by name, float32."""

    weights: dict[str, np.ndarray] = field(repr=False)

    @property
    def digest(self) -> str:
        """Other changes have another one; vectors are kept under it."""
        said = hashlib.blake2b(digest_size=12)
        for name, weight in sorted(self.weights.items()):
            said.update(name.encode() + np.ascontiguousarray(weight).tobytes())
        return said.hexdigest()

    def read(self, texts: Sequence[str], *, reader: EmbeddingConfig, progress: Progress = no_progress) -> np.ndarray:
        """As `embed_texts` does with the text model of `reader`, changed.

        Raises ConfigError where the changes are not of such a model.
        """
        import torch

        weights = {name: torch.from_numpy(np.array(weight)) for name, weight in self.weights.items()}
        model = load_own(reader)
        try:
            with quiet(), torch.random.fork_rng(devices=[]):
                model.load_adapter(peft_config=low_rank(), adapter_state_dict=weights)
        except (AttributeError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"What the text model learned from the moves does not fit '{reader.model}'. Build again."
            ) from error
        return embed_texts(texts, config=reader, model=model.eval(), progress=progress)


def low_rank():
    """How the changes lie beside the model's matrices: all of them but those of the words themselves."""
    from peft import LoraConfig

    return LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear")


def open_to_changes(reader: EmbeddingConfig) -> SentenceTransformer:
    """A text model of one's own with changes that do nothing yet and alone can be learned.

    Raises ConfigError for one that is no transformer.
    """
    model = load_own(reader)
    try:
        model.add_adapter(low_rank())
    except (AttributeError, ValueError) as error:
        raise ConfigError(
            f"The text model '{reader.model}' is of a kind that cannot learn from the moves. Choose another text "
            "model, or let it stay as it is."
        ) from error
    return model


def changes_of(model: SentenceTransformer) -> TextChanges:
    """A copy of what such a model has learned so far."""
    state = model.get_adapter_state_dict()
    return TextChanges({name: weight.detach().cpu().numpy().copy() for name, weight in state.items()})
