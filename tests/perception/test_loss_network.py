"""The loss network against plain torch operations, with the embedded VGG-19 and a VGG-16 of random weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.perception.loss_network import (
    CAFFE,
    TORCHVISION,
    InputNormalization,
    LossNetwork,
    Weights,
    activation_values,
    conv_names,
    layer_names,
    stride,
)
from impasto.perception.weights import load_weights

# Simonyan and Zisserman 2015, table 1, columns D and E.
WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


@cache
def vgg19() -> Weights:
    return load_weights("vgg19")


@cache
def vgg16(normalization: InputNormalization = TORCHVISION) -> Weights:
    """Random weights of VGG-16's shapes, scaled so that features keep their size from layer to layer."""
    generator = torch.Generator().manual_seed(0)
    layers, before = {}, 3
    for block, (depth, width) in enumerate(zip(DEPTHS["vgg16"], WIDTHS, strict=True), 1):
        for index in range(1, depth + 1):
            weight = torch.randn(width, before, 3, 3, generator=generator) * (2 / (9 * before)) ** 0.5
            layers[f"conv{block}_{index}"] = (weight, 0.1 * torch.randn(width, generator=generator))
            before = width
    return Weights("vgg16", layers, normalization, "random")


def reference(image: Tensor, weights: Weights, pooling: str = "max") -> dict[str, Tensor]:
    """Every layer by plain operations in float64, nothing in place."""
    normalization = weights.normalization
    mean = torch.tensor(normalization.mean, dtype=torch.float64).view(3, 1, 1)
    std = torch.tensor(normalization.std, dtype=torch.float64).view(3, 1, 1)
    x = (image.double() * normalization.scale - mean) / std
    found = {}
    for block, depth in enumerate(DEPTHS[weights.architecture], 1):
        for index in range(1, depth + 1):
            weight, bias = weights.layers[f"conv{block}_{index}"]
            x = F.conv2d(F.pad(x, (1, 1, 1, 1)), weight.double(), bias.double())
            found[f"conv{block}_{index}"] = x
            x = x.clamp_min(0)
            found[f"relu{block}_{index}"] = x
        x = F.max_pool2d(x, 2) if pooling == "max" else F.avg_pool2d(x, 2)
        found[f"pool{block}"] = x
    return found


def relative_error(value: Tensor, expected: Tensor) -> float:
    return float((value.double() - expected).norm() / expected.norm())


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 37, 45, generator=torch.Generator().manual_seed(1))


# --- names and shapes --------------------------------------------------------------------------------------


def test_layer_names_are_the_papers() -> None:
    assert len(conv_names("vgg16")) == 13
    assert len(conv_names("vgg19")) == 16
    assert conv_names("vgg19")[4:8] == ["conv3_1", "conv3_2", "conv3_3", "conv3_4"]
    names = layer_names("vgg16")
    assert names[:6] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
    assert names[-3:] == ["conv5_3", "relu5_3", "pool5"]
    assert len(names) == 2 * 13 + 5


def test_names_of_an_unknown_architecture() -> None:
    with pytest.raises(ImpastoError, match="unknown loss network 'vgg17': did you mean vgg1"):
        conv_names("vgg17")


@pytest.mark.parametrize(
    ("layer", "expected"),
    [("conv1_1", 1), ("relu1_2", 1), ("pool1", 2), ("relu2_2", 2), ("pool2", 4), ("relu3_1", 4), ("relu4_2", 8),
     ("pool4", 16), ("conv5_4", 16), ("pool5", 32)],
)  # fmt: skip
def test_strides(layer: str, expected: int) -> None:
    assert stride(layer) == expected


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(32, 32), (33, 63), (47, 50)])
def test_feature_maps_have_floor_of_size_by_stride(size: tuple[int, int], pooling: str) -> None:
    names = layer_names("vgg16")
    found = LossNetwork(vgg16(), pooling)(torch.rand(2, 3, *size), names)
    assert list(found) == names
    for name, feature_map in found.items():
        s = stride(name)
        assert feature_map.shape == (2, WIDTHS[int(name[4]) - 1], size[0] // s, size[1] // s)


# --- values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_every_layer_of_the_embedded_vgg19_by_plain_operations(image: Tensor, pooling: str) -> None:
    names = layer_names("vgg19")
    found = LossNetwork(vgg19(), pooling)(image, names)
    expected = reference(image, vgg19(), pooling)
    assert list(expected) == names
    for name in names:
        assert relative_error(found[name], expected[name]) < 1e-5, name


@pytest.mark.parametrize("normalization", [TORCHVISION, CAFFE])
def test_every_layer_of_vgg16_by_plain_operations(image: Tensor, normalization: InputNormalization) -> None:
    names = layer_names("vgg16")
    found = LossNetwork(vgg16(normalization))(image, names)
    expected = reference(image, vgg16(normalization))
    for name in names:
        assert relative_error(found[name], expected[name]) < 1e-5, name


def test_each_layer_alone_equals_the_same_layer_among_others(image: Tensor) -> None:
    """The ReLUs work in place where they may: what else is asked for must not change a value."""
    network = LossNetwork(vgg16())
    together = network(image, layer_names("vgg16"))
    for name in ("conv1_1", "relu1_1", "conv2_2", "relu2_2", "pool2", "conv3_1", "relu3_1"):
        torch.testing.assert_close(network(image, [name])[name], together[name])


def test_conv_layers_are_before_the_relu(image: Tensor) -> None:
    found = LossNetwork(vgg16())(image, ["conv2_1", "relu2_1"])
    assert found["conv2_1"].min() < 0
    assert torch.equal(found["relu2_1"], found["conv2_1"].clamp_min(0))


@pytest.mark.parametrize(("pooling", "function"), [("max", F.max_pool2d), ("average", F.avg_pool2d)])
def test_pooling(image: Tensor, pooling: str, function: Any) -> None:
    found = LossNetwork(vgg16(), pooling)(image, ["relu1_2", "pool1"])
    torch.testing.assert_close(found["pool1"], function(found["relu1_2"], 2))


@pytest.mark.parametrize(
    ("normalization", "black", "white"),
    [
        (CAFFE, (-123.68, -116.779, -103.939), (131.32, 138.221, 151.061)),
        (TORCHVISION, (-2.1179, -2.0357, -1.8044), (2.2489, 2.4286, 2.6400)),
    ],
)
def test_input_normalization(
    normalization: InputNormalization, black: tuple[float, ...], white: tuple[float, ...]
) -> None:
    """A first layer that passes its input on, in RGB order and away from the border."""
    weight = torch.zeros(64, 3, 3, 3)
    weight[torch.arange(3), torch.arange(3), 1, 1] = 1
    weights = vgg16(normalization)
    layers = {**weights.layers, "conv1_1": (weight, torch.zeros(64))}
    network = LossNetwork(Weights("vgg16", layers, normalization, "identity"))
    for value, expected in ((0.0, black), (1.0, white)):
        found = network(torch.full((1, 3, 5, 5), value), ["conv1_1"])["conv1_1"]
        torch.testing.assert_close(found[0, :3, 2, 2], torch.tensor(expected), atol=1e-3, rtol=0)


def test_replicate_padding_of_a_flat_image_shows_no_frame() -> None:
    flat = torch.full((1, 3, 12, 14), 0.8)
    first = {p: LossNetwork(vgg19(), padding=p)(flat, ["conv1_1"])["conv1_1"] for p in ("zeros", "replicate")}
    deviation = {p: (f - f[..., 6:7, 6:7]).abs().amax().item() for p, f in first.items()}
    assert deviation["replicate"] < 1e-2
    assert deviation["zeros"] > 10


def test_replicate_padding_is_of_the_first_layer_only(image: Tensor) -> None:
    padded = LossNetwork(vgg16(), padding="replicate")(image, ["conv1_1", "relu1_1", "conv1_2"])
    plain = LossNetwork(vgg16())(image, ["conv1_1"])
    torch.testing.assert_close(padded["conv1_1"][..., 1:-1, 1:-1], plain["conv1_1"][..., 1:-1, 1:-1])
    weight, bias = vgg16().layers["conv1_2"]
    torch.testing.assert_close(padded["conv1_2"], F.conv2d(padded["relu1_1"], weight, bias, padding=1))


def test_bfloat16_features_are_close(image: Tensor) -> None:
    half = LossNetwork(vgg19(), dtype=torch.bfloat16)(image, ["relu1_1", "relu3_1"])
    expected = reference(image, vgg19())
    for name, feature_map in half.items():
        assert feature_map.dtype == torch.bfloat16
        assert relative_error(feature_map, expected[name]) < 0.02


# --- work --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "convolutions"),
    [([], 0), (["conv1_1"], 1), (["pool1"], 2), (["relu3_1", "relu1_1"], 5), (["relu2_2", "pool4"], 10)],
)
def test_nothing_is_computed_past_the_deepest_layer(
    layers: list[str], convolutions: int, image: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Tensor] = []
    original = F.conv2d

    def counted(x: Tensor, *args: Any, **options: Any) -> Tensor:
        calls.append(x)
        return original(x, *args, **options)

    network = LossNetwork(vgg16())
    monkeypatch.setattr(F, "conv2d", counted)
    assert set(network(image, layers)) == set(layers)
    assert len(calls) == convolutions


def test_the_gradient_reaches_the_image_and_no_weight(image: Tensor) -> None:
    network = LossNetwork(vgg16())
    x = image.requires_grad_()
    network(x, ["relu2_1"])["relu2_1"].sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0
    assert list(network.parameters()) == []
    assert not any(buffer.requires_grad for buffer in network.buffers())


def test_a_forward_pass_leaves_the_image_alone(image: Tensor) -> None:
    before = image.clone()
    identity = InputNormalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    LossNetwork(vgg16(identity))(image, ["relu1_1"])
    assert torch.equal(image, before)


def test_activation_values_count_what_the_gradient_keeps() -> None:
    """ReLUs are in place, so a convolution's output counts only where the pass ends with it."""
    assert activation_values(["relu1_1"], "vgg19") == 64
    assert activation_values(["conv1_1"], "vgg19") == 64
    assert activation_values(["relu1_2"], "vgg19") == 2 * 64
    assert activation_values(["relu1_1", "relu2_1"], "vgg19") == 2 * 64 + 64 / 4 + 128 / 4
    assert activation_values(["relu5_1"], "vgg19") > activation_values(["relu5_1"], "vgg16")


# --- errors ------------------------------------------------------------------------------------------------


def test_unknown_layer_names_the_nearest(image: Tensor) -> None:
    network = LossNetwork(vgg16())
    with pytest.raises(ImpastoError, match=r"unknown layer of vgg16 'relu4_4': did you mean .*relu4_3"):
        network(image, ["relu1_1", "relu4_4"])
    with pytest.raises(ImpastoError, match="relu1_1"):
        network.check_layers(["relu_1_1"])


def test_an_image_that_is_too_small_is_told_the_least_size() -> None:
    network = LossNetwork(vgg16())
    with pytest.raises(ImpastoError, match=r"40×15 px is too small .* at least 16 px"):
        network(torch.rand(1, 3, 15, 40), ["relu1_1", "relu5_1"])
    assert network(torch.rand(1, 3, 16, 40), ["relu5_1"])["relu5_1"].shape == (1, 512, 1, 2)


def test_unknown_pooling_and_padding_name_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown pooling 'avg': "):
        LossNetwork(vgg16(), pooling="avg")
    with pytest.raises(ImpastoError, match="unknown padding 'replicated': did you mean replicate"):
        LossNetwork(vgg16(), padding="replicated")
