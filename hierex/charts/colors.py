"""A colour for every node of the tree that depends on the node alone, so that it stays when the granularity moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..interest_tree import InterestTree

CHROMA = 0.135
LIGHTNESS = 0.65
LIGHTNESS_BY_HUE = 0.12
LIGHTEST_HUE = 170.0
LIGHTNESS_BY_SIDE = 0.03


def interest_colors(tree: InterestTree, node_ids: Sequence[int] | np.ndarray) -> list[str]:
    """A hex colour per node: neighbours in the tree have neighbouring hues, children stay near their parent's.

    The hue is the middle of the node's slice on a colour circle in OKLCH, where equal steps look equal. Greens are
    lighter than reds and blues, so that people who see no difference between the hues see one in lightness; and the
    two sides of a split differ a little in lightness, so that close relatives can be told apart.
    Source: the tree colours of Tennekes and de Jonge (2014), in Ottosson's OKLab (2020).
    """
    nodes = np.asarray(node_ids, np.int64)
    hue = 360.0 * (tree.lo[nodes] + tree.hi[nodes]) / 2 / max(tree.n_items, 1)
    side = np.where(nodes == 0, 0, np.where(nodes % 2, -1, 1))
    lightness = LIGHTNESS + LIGHTNESS_BY_HUE * np.cos(np.radians(hue - LIGHTEST_HUE)) + LIGHTNESS_BY_SIDE * side
    return oklch_to_hex(lightness, np.full(len(nodes), CHROMA), hue)


def oklch_to_hex(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> list[str]:
    """Colours given by lightness 0-1, chroma and hue in degrees, all (n,), as hex; what a screen cannot show is
    brought to the nearest it can. Source: Ottosson, A perceptual color space for image processing (2020)."""
    a, b = chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))
    cone_roots = np.stack(
        [
            lightness + 0.3963377774 * a + 0.2158037573 * b,
            lightness - 0.1055613458 * a - 0.0638541728 * b,
            lightness - 0.0894841775 * a - 1.2914855480 * b,
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip(to_linear @ cone_roots**3, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    red, green, blue = np.round(encoded * 255).astype(int)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in zip(red, green, blue, strict=True)]
