"""A style generator gives each image of a batch the network of its painting."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.networks.generator import SEEN, StyleGenerator
from impasto.networks.hourglass import HourglassNetwork

CHANNELS = dict(zip(SEEN, (64, 128, 256), strict=True))


def generator() -> StyleGenerator:
    torch.manual_seed(0)
    template = HourglassNetwork(4, 8, 12, 16, 1, 1, 1, 8, 4)
    made = StyleGenerator(template, code=6).eval()
    with torch.no_grad():
        made.head.weight.mul_(20)
    return made


def features(count: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {layer: 100 * torch.rand(count, channels, 64 >> index, 64 >> index).square() * torch.rand(count, 1, 1, 1)
            for index, (layer, channels) in enumerate(CHANNELS.items())}  # fmt: skip


@torch.no_grad()
def test_a_batch_is_painted_as_each_painting_s_own_network_paints() -> None:
    made, photos, strength = generator(), torch.rand(3, 3, 64, 70), torch.tensor([1.0, 0.4, 0.0])
    given = features(3)
    together = made(photos, strength, given)
    codes = made.encoder(given)
    for index, code in enumerate(codes):
        network = made.network_for(code).eval()
        alone = network(photos[index : index + 1], strength[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-4)
    assert (together[0] - made(photos[:1], strength[:1], {k: v[1:2] for k, v in given.items()})[0]).abs().max() > 0.01


@torch.no_grad()
def test_at_strength_0_all_paintings_leave_the_same_normalizations() -> None:
    made = generator()
    found = [made.network_for(code).state_dict() for code in made.encoder(features(2))]
    for name, slope in made.slopes.items():
        one, two = (state[name] + state[slope] for state in found)
        torch.testing.assert_close(one, two)
        assert not torch.equal(found[0][name], found[1][name])


def test_gradients_reach_encoder_template_and_head() -> None:
    made = generator().train()
    made(torch.rand(2, 3, 64, 64), torch.tensor([0.5, 1.0]), features(2)).square().mean().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
