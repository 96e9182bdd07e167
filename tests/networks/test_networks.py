"""What every image transformation network keeps to, the paper's table, and the layers' formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from stirred import stir
from torch import Tensor, nn

from impasto.errors import ImpastoError
from impasto.networks import DEFAULT_NETWORK, NETWORKS, ImageTransformationNetwork, create_network
from impasto.networks.hourglass import HourglassNetwork
from impasto.networks.johnson2016 import Johnson2016
from impasto.networks.layers import EPSILON, Grain, InstanceNorm, Residual, SubpixelConv
from impasto.networks.shuffle import ShuffleNetwork
from impasto.training.step import seen

Array = NDArray[np.float64]


def fresh(name: str, seed: int = 0) -> ImageTransformationNetwork:
    torch.manual_seed(seed)
    return create_network(name).eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def paint(network: ImageTransformationNetwork, image: Tensor, *strengths: float) -> Tensor:
    with torch.no_grad():
        painted: Tensor = network(image, torch.tensor(strengths) if strengths else None)
    return painted


@pytest.mark.parametrize("name", NETWORKS)
class TestEveryNetwork:
    """The contract of `ImageTransformationNetwork`: a new entry of `NETWORKS` is tested by being there."""

    @pytest.mark.parametrize("size", [(64, 64), (65, 97), (78, 65)])
    def test_the_picture_has_the_size_of_the_image(self, name: str, size: tuple[int, int]) -> None:
        image = noise(2, 3, *size)
        painted = paint(stir(fresh(name)), image)
        assert (painted.shape, painted.dtype) == (image.shape, image.dtype)
        assert painted.min() >= 0
        assert painted.max() <= 1

    @pytest.mark.parametrize("more", [(0, 0), (1, 2), (3, 0)])
    def test_the_smallest_images(self, name: str, more: tuple[int, int]) -> None:
        network = fresh(name)
        image = noise(1, 3, network.smallest + more[0], network.smallest + more[1])
        painted = paint(network, image)
        assert painted.shape == image.shape
        assert painted.isfinite().all()

    def test_a_pixel_is_seen_as_far_as_the_network_says(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(F, "instance_norm", lambda x, *_, **__: x)  # through statistics, it is seen everywhere
        network = stir(fresh(name))
        side = 2 * network.reach + 3 * network.multiple
        image, seen = noise(1, 3, side, side), torch.zeros(side, side, dtype=torch.bool)
        painted = paint(network, image)
        for shift in range(network.multiple):  # wherever on the grid that the image is cut into
            changed, place = image.clone(), network.reach + network.multiple + shift
            changed[..., place, place] = 1 - changed[..., place, place].round()
            differs = (paint(network, changed) != painted).any(1)[0]
            seen |= differs.roll((-place, -place), (0, 1))
        far = torch.arange(side).minimum(side - torch.arange(side))[seen.any(1)].max().item()
        assert network.reach - network.multiple <= far <= network.reach

    @pytest.mark.parametrize(("less", "axis"), [(1, 2), (1, 3), (8, 3)])
    def test_too_small_an_image_is_refused_in_one_line(self, name: str, less: int, axis: int) -> None:
        network = fresh(name)
        shape = [1, 3, 80, 80]
        shape[axis] = network.smallest - less
        told = f"an image of {shape[3]}×{shape[2]} px is too small: at least {network.smallest} px a side"
        with pytest.raises(ImpastoError) as caught:
            network(noise(*shape))
        assert str(caught.value) == told

    @pytest.mark.parametrize("training", [False, True])
    def test_gradients_reach_every_parameter(self, name: str, training: bool) -> None:
        network = stir(fresh(name)).train(training)
        image = noise(2, 3, 64, 68).requires_grad_()
        target = noise(2, 3, 64, 68, seed=1)
        (network(image, torch.tensor([0.4, 0.7])) - target).square().mean().backward()
        assert image.grad is not None
        assert image.grad.abs().sum() > 0
        # A normalization takes out the mean, and with it whatever a bias before it adds: only rounding is left there.
        # After the last convolution there is none.
        convolutions = nn.Conv2d | nn.ConvTranspose2d
        idle = [f"{place}.bias" for place, module in network.named_modules() if isinstance(module, convolutions)]
        for key, parameter in network.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
            if key not in idle[:-1]:
                assert parameter.grad.abs().sum() > 0, key

    def test_an_image_is_painted_alike_alone_and_in_a_batch(self, name: str) -> None:
        network, images, strengths = stir(fresh(name)), noise(3, 3, 66, 77), (1.0, 0.3, 0.6)
        images[1] *= 0.2  # statistics that leak from one image to the next would show
        together = paint(network, images, *strengths)
        for index, strength in enumerate(strengths):
            alone = paint(network, images[index : index + 1], strength)
            torch.testing.assert_close(together[index : index + 1], alone, rtol=0, atol=1e-4)

    def test_images_are_painted_independently_in_training(self, name: str) -> None:
        network, images = stir(fresh(name)).train(), noise(2, 3, 64, 64)
        together, alone = paint(network, images)[:1], paint(network, images[:1])
        # Batch normalization alone mixes them, and should.
        mixing = any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        assert torch.allclose(together, alone, rtol=0, atol=1e-4) != mixing

    def test_the_loss_sees_a_part_whose_place_changes(self, name: str) -> None:
        network = fresh(name)
        part, places = noise(1, 3, 70 + network.spare, 50 + network.spare), set()
        for seed in range(500):
            offset = network.seen(np.random.default_rng(seed))
            view = seen(part, torch.tensor(offset), network.spare)
            row, column = offset
            assert torch.equal(view, part[..., row : row + 70, column : column + 50])
            places.add(offset)
        assert {row for row, _ in places} == {column for _, column in places} == set(range(network.spare + 1))
        assert network.seen(np.random.default_rng(7)) == network.seen(np.random.default_rng(7))

    def test_the_seed_decides_the_weights(self, name: str) -> None:
        one, same, other = (fresh(name, seed).state_dict() for seed in (3, 3, 4))
        assert all(torch.equal(value, same[key]) for key, value in one.items())
        assert not all(torch.equal(value, other[key]) for key, value in one.items())

    def test_no_strength_is_full_strength(self, name: str) -> None:
        network, image = stir(fresh(name)), noise(2, 3, 66, 65)
        assert torch.equal(paint(network, image), paint(network, image, 1.0, 1.0))

    def test_one_strength_holds_for_the_whole_batch(self, name: str) -> None:
        network, image = stir(fresh(name)), noise(2, 3, 64, 64)
        assert torch.equal(paint(network, image, 0.5), paint(network, image, 0.5, 0.5))

    def test_strength_from_the_photograph_to_the_painting(self, name: str) -> None:
        network, image = stir(fresh(name)), noise(1, 3, 65, 70)
        painted = paint(network, image)
        assert (painted - image).abs().mean() > 0.05
        if not network.adjustable:
            assert torch.equal(paint(network, image, 0.0), painted)
            assert torch.equal(paint(network, image, 0.3), painted)
            return
        torch.testing.assert_close(paint(network, image, 0.0), image)
        for strength in (0.0, 0.1, 0.5, 0.9, 0.999):
            near, step = paint(network, image, strength), paint(network, image, strength + 0.001)
            assert 0 < (step - near).abs().max() < 0.02
        shares = [float((paint(network, image, s) - image).abs().mean()) for s in (0.0, 0.1, 0.3, 0.6)]
        assert shares == sorted(shares)


# --- the registry ------------------------------------------------------------------------------------------


def test_the_default_is_registered_and_adjustable() -> None:
    assert fresh(DEFAULT_NETWORK).adjustable


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match=r"^unknown network 'jonson2016': did you mean johnson2016"):
        create_network("jonson2016")
    with pytest.raises(ImpastoError, match=r"^unknown network 'resnet': choose from johnson2016, .*shuffle"):
        create_network("resnet")


def test_an_unknown_normalization_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown normalization 'instanse': did you mean instance"):
        Johnson2016(normalization="instanse")


# --- the paper's network -----------------------------------------------------------------------------------


def layers(network: nn.Module) -> list[str]:
    """Each layer in order: kernel, channels, stride, padding."""
    told = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            kind = "up" if isinstance(module, nn.ConvTranspose2d) else "conv"
            (size, _), (stride, _) = module.kernel_size, module.stride
            assert isinstance(module.padding, tuple)
            told.append(f"{kind} {size} {module.in_channels}→{module.out_channels} /{stride} +{module.padding[0]}")
        elif isinstance(module, nn.BatchNorm2d):
            told.append(f"batch norm {module.num_features}")
        elif not list(module.children()):
            told.append(type(module).__name__)
    return told


def test_johnson2016_is_the_papers_table() -> None:
    """Table 1 of the supplementary material, with batch normalization after all but the last."""
    residual = ["conv 3 128→128 /1 +0", "batch norm 128", "ReLU", "conv 3 128→128 /1 +0", "batch norm 128"]
    assert layers(create_network("johnson2016")) == [
        "conv 9 3→32 /1 +4", "batch norm 32", "ReLU",
        "conv 3 32→64 /2 +1", "batch norm 64", "ReLU",
        "conv 3 64→128 /2 +1", "batch norm 128", "ReLU",
        *residual * 5,
        "up 3 128→64 /2 +1", "batch norm 64", "ReLU",
        "up 3 64→32 /2 +1", "batch norm 32", "ReLU",
        "conv 9 32→3 /1 +4",
    ]  # fmt: skip


def test_johnson2016_has_the_papers_parameters() -> None:
    network = create_network("johnson2016")
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_679_235
    assert network.margin == 40  # the paper's mirrored border
    assert not network.adjustable


def test_johnson2016_ends_in_a_tanh_scaled_to_the_range_of_pixels() -> None:
    network = fresh("johnson2016")
    last = [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]
    levels = torch.tensor([-1.0, 0.0, 0.4])
    with torch.no_grad():
        last.weight.zero_()
        assert last.bias is not None
        last.bias.copy_(levels)
    painted = paint(network, noise(1, 3, 44, 47))
    expected = (np.tanh(levels.double().numpy()) + 1) / 2
    np.testing.assert_allclose(painted.numpy(), np.broadcast_to(expected[:, None, None], (1, 3, 44, 47)), rtol=1e-6)


def test_johnson2016_in_training_uses_and_learns_the_batchs_statistics() -> None:
    network, images = fresh("johnson2016"), noise(2, 3, 48, 48)
    before = paint(network, images)
    paint(network.train(), images)
    assert not torch.allclose(paint(network.eval(), images), before, atol=1e-3)


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_johnsons_margin_is_what_its_blocks_use_up(blocks: int, normalization: str) -> None:
    network = Johnson2016(8, blocks, normalization).eval()
    assert network.margin == 8 * blocks
    image = noise(1, 3, 41, 46)
    assert paint(network, image).shape == image.shape


def center_of_a_spot(network: ImageTransformationNetwork, side: int, row: int, column: int, size: int) -> list[float]:
    """Row and column around which the picture of an even image changes where a spot is painted into it."""
    image = torch.full((1, 3, side, side), 0.5)
    spot = image.clone()
    spot[..., row : row + size, column : column + size] = 1
    changed = (paint(network, spot) - paint(network, image)).abs().sum(1)[0]
    places = torch.meshgrid(torch.arange(float(side)), torch.arange(float(side)), indexing="ij")
    return [float((changed * place).sum() / changed.sum()) for place in places]


def test_johnson2016_paints_no_shifted_picture() -> None:
    """The mirrored border, the blocks' cropping and the final cropping take the picture back to where it was."""
    assert center_of_a_spot(Johnson2016(8, 2).eval(), 64, 32, 20, 4) == pytest.approx([33.5, 21.5], abs=2)


# --- shuffle networks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "side"), [(2, 3), (2, 5), (3, 4), (3, 7), (4, 5), (4, 9)])
@pytest.mark.parametrize("enlarge", [False, True])
def test_a_subpixel_convolution_is_one_at_the_higher_resolution(factor: int, side: int, enlarge: bool) -> None:
    layer = SubpixelConv(5, 3, factor, side, enlarge).double()
    assert layer.bias is not None
    nn.init.normal_(layer.bias)
    if enlarge:
        x = noise(2, 5, 6, 7).double()
        large = F.interpolate(x, scale_factor=float(factor), mode="nearest")
    else:
        large = noise(2, 5, 6 * factor, 7 * factor).double()
        x = F.pixel_unshuffle(large, factor)
    expected = F.conv2d(large, layer.weight, layer.bias)
    torch.testing.assert_close(F.pixel_shuffle(layer(x), factor), expected)
    torch.testing.assert_close(F.pixel_shuffle(layer.as_conv2d()(x), factor), expected)


def test_a_subpixel_convolution_without_bias() -> None:
    layer, x = SubpixelConv(5, 3, 2, 3, enlarge=True, bias=False), noise(1, 5, 6, 7)
    large = F.interpolate(x, scale_factor=2.0, mode="nearest")
    torch.testing.assert_close(F.pixel_shuffle(layer(x), 2), F.conv2d(large, layer.weight))
    torch.testing.assert_close(layer.as_conv2d()(x), layer(x))


@pytest.mark.parametrize(("factor", "side"), [(2, 3), (2, 5), (4, 5)])
def test_what_is_flat_stays_flat(factor: int, side: int) -> None:
    """No grid, whatever the weights: a free pixel-shuffle would draw one."""
    first, second = SubpixelConv(5, 4, factor, side, enlarge=True), SubpixelConv(4, 3, factor, side)
    flat = F.pixel_shuffle(second(F.relu(first(torch.rand(1, 5, 1, 1).expand(1, 5, 8, 8)))), factor)
    torch.testing.assert_close(flat, flat[..., :1, :1].expand_as(flat), rtol=0, atol=1e-5)


# (head, body, blocks, dilation, width, fine): the default, and other sizes of everything.
SIZES = [(16, 64, 3, 2, 24, 16), (4, 8, 1, 1, 8, 4), (8, 12, 2, 3, 4, 8)]


def of_size(size: tuple[int, ...]) -> ImageTransformationNetwork:
    torch.manual_seed(0)
    return stir(ShuffleNetwork(*size).eval())


@pytest.mark.parametrize("size", SIZES)
def test_nothing_but_the_image_is_in_the_statistics(size: tuple[int, ...]) -> None:
    """An even image without noise is even in every layer, up to its borders: so it would not be with padding."""
    network, spread = of_size(size), list[float]()
    nn.init.zeros_(network.get_parameter("grain.weight"))

    def look(_: nn.Module, given: tuple[Tensor, Tensor]) -> None:
        spread.append(float(given[0].std((2, 3)).max()))

    for module in network.modules():
        if isinstance(module, InstanceNorm):
            module.register_forward_pre_hook(look)
    paint(network, torch.tensor([0.2, 0.7, 0.4])[:, None, None].expand(1, 3, 70, 90))
    assert len(spread) == sum(isinstance(module, InstanceNorm) for module in network.modules()) >= 5
    assert max(spread) < 1e-5


HOURGLASSES = [(16, 64, 96, 112, 2, 1, 2, 24, 16), (4, 8, 12, 16, 1, 0, 1, 8, 4), (4, 12, 8, 8, 1, 2, 3, 4, 8)]


def hourglass(size: tuple[int, ...]) -> ImageTransformationNetwork:
    torch.manual_seed(0)
    return stir(HourglassNetwork(*size).eval())


@pytest.mark.parametrize("size", HOURGLASSES)
def test_mirrored_feature_maps_leave_even_what_is_even(size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """An even image without noise is painted even, up to its borders: so it would not be with zeros around it."""
    monkeypatch.setattr(F, "instance_norm", lambda x, eps: x)  # noqa: ARG005  # it would enlarge rounding errors
    network = hourglass(size)
    for name in ("grain", "grain8", "grain16"):
        nn.init.zeros_(network.get_parameter(f"{name}.weight"))
    painted = paint(network, torch.tensor([0.2, 0.7, 0.4])[:, None, None].expand(1, 3, 70, 90))
    torch.testing.assert_close(painted, painted[..., :1, :1].expand_as(painted), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", HOURGLASSES)
def test_hourglasses_see_as_far_as_they_say(size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(F, "instance_norm", lambda x, eps: x)  # noqa: ARG005  # statistics would reach everywhere
    for module, name in ((F, "relu"), (torch, "tanh")):  # nothing is flat
        monkeypatch.setattr(module, name, lambda x: x)
    network = hourglass(size)
    with torch.no_grad():  # so that no two ways cancel out
        for parameter in network.parameters():
            parameter.abs_().add_(0.01)
    far, side = 0, 2 * network.reach + 48
    for place in range(side // 2, side // 2 + network.multiple):
        image = noise(1, 3, side, side).double().requires_grad_()
        painted = network.double()(image)
        (gradient,) = torch.autograd.grad(torch.atanh((2 * painted[0, :, place, place] - 1).clamp(-0.99, 0.99)).sum()
                                          + painted[0, :, place, place].sum(), image)  # fmt: skip
        seen_rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
        far = max(far, place - int(seen_rows[0]), int(seen_rows[-1]) - place)
    assert far == network.reach


@pytest.mark.parametrize("name", ["grain", "grain8", "grain16"])
def test_an_hourglass_begins_strokes_at_each_resolution(name: str) -> None:
    network = hourglass(HOURGLASSES[0])
    for other in {"grain", "grain8", "grain16"} - {name}:
        nn.init.zeros_(network.get_parameter(f"{other}.weight"))
    assert texture(network) > 0.005


@pytest.mark.parametrize("size", SIZES)
def test_shuffle_networks_paint_no_shifted_picture(size: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the convolutions use up on each side is what was mirrored there, in the blocks and around them."""
    monkeypatch.setattr(F, "instance_norm", lambda x, eps: x)  # noqa: ARG005  # statistics would reach everywhere
    assert center_of_a_spot(of_size(size), 200, 96, 88, 8) == pytest.approx([99.5, 91.5], abs=3)


def texture(network: ImageTransformationNetwork) -> float:
    """Deviation within what a network paints from an even grey."""
    return float(paint(network, torch.full((1, 3, 128, 128), 0.5))[..., 32:-32, 32:-32].std(dim=(2, 3)).mean())


def test_strokes_begin_from_the_grain_where_a_photograph_is_flat() -> None:
    network = stir(fresh("shuffle"))
    assert texture(network) > 0.01
    nn.init.zeros_(network.get_parameter("grain.weight"))
    assert texture(network) < 1e-4


def test_the_grain_is_one_map_repeated_in_each_channels_share() -> None:
    layer, side = Grain(3).eval(), Grain.SIDE
    x = noise(2, 3, side + 5, side + 9)
    added = ((layer(x, layer.noise(*x.shape[2:])) - x) / layer.weight).detach()
    np.testing.assert_allclose((float(added.mean()), float(added.std())), (0, 1), atol=0.02)
    torch.testing.assert_close(added[:, :, side:], added[:, :, :5], atol=1e-4, rtol=0)
    torch.testing.assert_close(added[..., side:], added[..., :9], atol=1e-4, rtol=0)
    torch.testing.assert_close(added[0, :1].expand_as(added[0]), added[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(Grain(3).map, layer.map, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["shuffle", "hourglass"])
def test_the_grain_moves_while_a_network_is_trained(name: str) -> None:
    network, image = stir(fresh(name)), noise(1, 3, 64, 64)
    before = paint(network, image)
    network.vary(np.random.default_rng(1))
    assert torch.equal(paint(network, image), before)
    network.train()
    moved = paint(network, image)
    assert not torch.allclose(moved, before, atol=1e-2)
    network.vary(np.random.default_rng(2))
    assert not torch.allclose(paint(network, image), moved, atol=1e-2)
    network.vary(np.random.default_rng(1))
    assert torch.equal(paint(network, image), moved)


def test_a_dilated_block_sees_further_and_is_cropped_to_what_it_saw() -> None:
    for dilation in (1, 2, 3):
        block, x = Residual(4, dilation).eval(), noise(1, 4, 31, 33)
        assert block.margin == dilation + 1
        assert block(x, torch.ones(1, 1, 1, 1)).shape == (1, 4, 31 - 2 * block.margin, 33 - 2 * block.margin)


# --- normalizations ----------------------------------------------------------------------------------------


def conditional(network: nn.Module, strengths: Tensor) -> tuple[Array, Array]:
    """γ and β of each image and channel: the scale at full strength plus (1 − strength) times its slope."""
    values = {key: value.detach().double().numpy()[None] for key, value in network.named_parameters()}
    weakness = 1 - strengths.double().numpy()[:, None]
    scale = values["weight"] + weakness * values["weight_slope"]
    shift = values["bias"] + weakness * values["bias_slope"]
    return scale[..., None, None], shift[..., None, None]


def stirred() -> InstanceNorm:
    layer, generator = InstanceNorm(5), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn(5, generator=generator))
    return layer


STRENGTHS = torch.tensor([1.0, 0.35, 0.0])


def feature_maps() -> Tensor:
    """Three images, five channels whose means and deviations differ by orders of magnitude."""
    scales = torch.tensor([0.01, 0.1, 1.0, 10.0, 100.0])[:, None, None]
    return (torch.randn(3, 5, 7, 9, generator=torch.Generator().manual_seed(0)) + 0.5) * scales


def test_instance_norm_is_the_formula() -> None:
    x, layer = feature_maps(), stirred()
    found = layer(x, STRENGTHS.view(-1, 1, 1, 1)).detach().numpy()
    exact = x.double().numpy()
    mean, variance = exact.mean((2, 3), keepdims=True), exact.var((2, 3), keepdims=True)
    scale, shift = conditional(layer, STRENGTHS)
    np.testing.assert_allclose(found, (exact - mean) / np.sqrt(variance + EPSILON) * scale + shift, atol=2e-5)
    plain = InstanceNorm(x.shape[1])(x, torch.ones(len(x), 1, 1, 1)).detach().numpy()
    np.testing.assert_allclose(plain, (exact - mean) / np.sqrt(variance + EPSILON), atol=2e-5)


def test_normalizations_start_neutral_whatever_the_strength() -> None:
    x, layer = feature_maps(), InstanceNorm(5)
    full, none = (layer(x, torch.full((3, 1, 1, 1), strength)).detach() for strength in (1.0, 0.0))
    assert torch.equal(full, none)
    assert float(full.square().mean()) == pytest.approx(1, abs=0.03)


def test_normalizations_of_half_precision_features() -> None:
    x = feature_maps().bfloat16()
    layer, strengths = stirred(), STRENGTHS.view(-1, 1, 1, 1)
    found = layer(x, strengths)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), layer(x.float(), strengths), rtol=0.03, atol=0.05)
