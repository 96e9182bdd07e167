"""A style generator: it looks at a painting once and gives the parameters of an image transformation network.

The scales and shifts of instance normalization carry a style (Dumoulin et al. 2017), and a network can predict them
from the painting (Ghiasi et al. 2017). Here it gives the shares of the noise, too, and the last convolution, which
mixes the colours. The rest of the template's kernels serve all paintings.

The painting is seen by the first layers of VGG-19, which nobody trains here, and by three convolutions more. Style
being what does not depend on place, only means and deviations over pixels go on (Huang and Belongie 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .hourglass import HourglassNetwork
from .layers import Grained, InstanceNorm

PAINTING_SIDE = 256  # px: √(width · height) at which a painting is looked at
SEEN = ("relu1_1", "relu2_1", "relu3_1")  # layers of the loss network
SEEN_CHANNELS = (64, 128, 256)


class Observed(NamedTuple):
    """What the loss network makes of (B, 3, h, w) paintings: all that the generator learns of them.

    statistics: (B, 2 · 448) means and deviations over pixels of the channels of `SEEN`. last: (B, 256, h / 4, w / 4),
    feature maps of the last of these layers.
    """

    statistics: Tensor
    last: Tensor


def observed(features: Mapping[str, Tensor]) -> Observed:
    """features: `SEEN` layers of the loss network, of (B, 3, h, w) paintings."""
    maps = [features[layer].float() for layer in SEEN]
    return Observed(torch.cat([part for one in maps for part in _mean_and_deviation(one)], 1), maps[-1])


class StyleEncoder(nn.Module):
    """What is seen of a painting → its code.

    Args:
        code: values in a code. channels: of `SEEN`. width: of the convolutions. hidden: of the layer before the code.

    Attributes:
        center, scale: of the logarithms of the loss network's statistics, over many paintings: they differ by orders of
            magnitude. `learn_scale` finds them.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self, code: int = 192, channels: Sequence[int] = SEEN_CHANNELS, width: int = 128, hidden: int = 384
    ) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(inputs, width, 3, 2) for inputs in (channels[-1], width, width))
        known, learned = 2 * sum(channels), 2 * 3 * width
        self.register_buffer("center", torch.zeros(known))
        self.register_buffer("scale", torch.ones(known))
        self.norm = nn.LayerNorm(learned)
        self.hidden, self.code = nn.Linear(known + learned, hidden), nn.Linear(hidden, code)

    @torch.no_grad()
    def learn_scale(self, statistics: Tensor) -> None:
        """Set `center` and `scale` by (N, 2 · 448) `Observed.statistics` of paintings."""
        values = torch.log1p(statistics)
        self.center.copy_(values.mean(0))
        self.scale.copy_(1 / values.std(0).clamp_min(0.05))

    def forward(self, paintings: Observed) -> Tensor:
        """Returns (B, code)."""
        x = torch.log1p(paintings.last / 16)  # values reach thousands
        statistics = list[Tensor]()
        for conv in self.convs:
            x = F.relu(conv(x))
            statistics += _mean_and_deviation(x.float())
        known = (torch.log1p(paintings.statistics) - self.center) * self.scale
        learned = self.norm(torch.log1p(torch.cat(statistics, 1)))
        code: Tensor = self.code(F.relu(self.hidden(torch.cat([known, learned], 1))))
        return code


def _mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    """Of (B, C, H, W) over pixels, (B, C) each."""
    mean = x.mean((2, 3))
    return mean, ((x - mean[..., None, None]).square().mean((2, 3)) + 1e-5).sqrt()


class StyleGenerator(nn.Module):
    """A template network, and what makes it paint in any painting's manner.

    At strength 0 all styles are the template's one way to leave a photograph as it is, so the slopes along the strength
    (`layers.InstanceNorm`) follow from the parameters at strength 1.

    Attributes:
        template: its own parameters are those that generated ones depart from.
        shapes: of the generated parameters, by name.
    """

    def __init__(
        self, template: HourglassNetwork | None = None, code: int = 192, channels: Sequence[int] = SEEN_CHANNELS
    ) -> None:
        super().__init__()
        self.template = HourglassNetwork() if template is None else template
        self.encoder = StyleEncoder(code, channels)
        self.shapes = dict[str, torch.Size]()
        self.slopes = dict[str, str]()  # of those, the ones with a slope, and its name
        for name, module in self.template.named_modules():
            if isinstance(module, InstanceNorm):
                for kind in ("weight", "bias"):
                    self.shapes[f"{name}.{kind}"] = getattr(module, kind).shape
                    self.slopes[f"{name}.{kind}"] = f"{name}.{kind}_slope"
            elif isinstance(module, Grained):
                self.shapes[f"{name}.weight"] = module.weight.shape
        for name in ("tail.weight", "tail.bias"):
            self.shapes[name] = self.template.get_parameter(name).shape
        self.head = nn.Linear(code, sum(shape.numel() for shape in self.shapes.values()))
        with torch.no_grad():  # all styles begin alike
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()

    def parameters_for(self, code: Tensor) -> dict[str, Tensor]:
        """(B, code) → the template's parameters by name, (B, …) each."""
        found = dict[str, Tensor]()
        changes = self.head(code).split([shape.numel() for shape in self.shapes.values()], 1)
        for (name, shape), change in zip(self.shapes.items(), changes, strict=True):
            # Kernels are small numbers beside scales.
            share = 0.1 if name.startswith("tail") else 1.0
            change = share * change.unflatten(1, shape)  # noqa: PLW2901
            found[name] = self.template.get_parameter(name) + change
            if name in self.slopes:
                slope = self.slopes[name]
                found[slope] = self.template.get_parameter(slope) - change
        return found

    def forward(self, photos: Tensor, strength: Tensor, paintings: Observed) -> Tensor:
        """(B, 3, H, W) photographs, each in the manner of its painting."""
        given: Any = self.parameters_for(self.encoder(paintings))
        painted: Tensor = torch.func.functional_call(self.template, given, (photos, strength))
        return painted

    @torch.no_grad()
    def network_for(self, code: Tensor) -> HourglassNetwork:
        """The image transformation network of one code, (code,): an ordinary one."""
        import copy

        network = copy.deepcopy(self.template)
        state = network.state_dict() | {name: value[0] for name, value in self.parameters_for(code[None]).items()}
        network.load_state_dict(state)
        return network
