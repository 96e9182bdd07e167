"""How much of a painting is found again in a stylized image, patch by patch.

Style losses compare statistics of whole images, which agree badly with what people see. Patches of a loss network's
middle layers hold strokes and small forms: Li and Wand 2016 ("Combining Markov Random Fields and Convolutional Neural
Networks for Image Synthesis") match them to paint; here the match is a measure. It asks for each patch *of the
painting*, so a picture that repeats one stroke everywhere does badly.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from .loss_network import LossNetwork

LAYERS: Mapping[str, float] = {"relu3_1": 0.5, "relu4_1": 0.5}  # layer → weight
STROKES, FORMS = 512, 256  # px: √(width · height) of both images, where patches hold strokes, and larger forms
MOST = 4096  # patches of the painting that are looked for, evenly spread
_BLOCK = 512  # of these at a time


def patch_distance(painting: Tensor, image: Tensor) -> Tensor:
    """Mean cosine distance of a painting's 3×3 patches of features from the nearest ones of an image, in [0, 2].

    painting: (1, C, h, w) feature maps, 3 a side at least; image: (1, C, H, W). Returns a number.
    """
    wanted, found = (F.normalize(F.unfold(features.float(), 3)[0], dim=0) for features in (painting, image))
    step = -(-wanted.shape[1] // MOST)
    best = [(block.T @ found).amax(1) for block in torch.split(wanted[:, ::step], _BLOCK, 1)]
    return 1 - torch.cat(best).mean()


@torch.no_grad()
def unfound(network: LossNetwork, painting: Tensor, image: Tensor) -> float:
    """The weighted mean of `patch_distance` over `LAYERS`: how little of the painting is in the image.

    network: one that the image was not painted with. painting, image: (1, 3, H, W) in [0, 1], both at the size that is
    asked about: `STROKES` or `FORMS`.
    """
    theirs, ours = (network(one, list(LAYERS)) for one in (painting, image))
    return sum(weight * patch_distance(theirs[layer], ours[layer]).item() for layer, weight in LAYERS.items())
