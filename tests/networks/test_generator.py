"""A style generator gives each image of a batch the network of its painting."""

from __future__ import annotations

import torch

from impasto.networks.generator import SEEN, Observed, StyleEncoder, StyleGenerator, observed
from impasto.networks.hourglass import HourglassNetwork

CHANNELS = dict(zip(SEEN, (64, 128, 256), strict=True))


def generator() -> StyleGenerator:
    torch.manual_seed(0)
    template = HourglassNetwork(4, 8, 12, 16, 1, 1, 1, 8, 4)
    made = StyleGenerator(template, code=6).eval()
    with torch.no_grad():
        made.head.weight.mul_(20)
    return made


def paintings(count: int) -> Observed:
    torch.manual_seed(1)
    features = {}
    for index, (layer, channels) in enumerate(CHANNELS.items()):
        maps = torch.rand(count, channels, 64 >> index, 64 >> index).square()
        features[layer] = 100 * maps * torch.rand(count, 1, 1, 1)
    return observed(features)


@torch.no_grad()
def test_a_batch_is_painted_as_each_painting_s_own_network_paints() -> None:
    made, photos, strength = generator(), torch.rand(3, 3, 64, 70), torch.tensor([1.0, 0.4, 0.0])
    given = paintings(3)
    together = made(photos, strength, given)
    codes = made.encoder(given)
    for index, code in enumerate(codes):
        network = made.network_for(code).eval()
        alone = network(photos[index : index + 1], strength[index : index + 1])
        torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-4)
    other = made(photos[:1], strength[:1], Observed(*(value[1:2] for value in given)))
    assert (together[0] - other[0]).abs().max() > 0.01


@torch.no_grad()
def test_at_strength_0_all_paintings_leave_the_same_normalizations() -> None:
    made = generator()
    found = [made.network_for(code).state_dict() for code in made.encoder(paintings(2))]
    for name, slope in made.slopes.items():
        one, two = (state[name] + state[slope] for state in found)
        torch.testing.assert_close(one, two)
        assert not torch.equal(found[0][name], found[1][name])


def test_gradients_reach_encoder_template_and_head() -> None:
    made = generator().train()
    made(torch.rand(2, 3, 64, 64), torch.tensor([0.5, 1.0]), paintings(2)).square().mean().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_scales_are_those_of_many_paintings() -> None:
    encoder, statistics = StyleEncoder(), paintings(40).statistics
    encoder.learn_scale(statistics)
    standard = (torch.log1p(statistics) - encoder.center) * encoder.scale
    torch.testing.assert_close(standard.mean(0), torch.zeros(896), rtol=0, atol=1e-3)
    assert standard.std(0).max() < 1.001
