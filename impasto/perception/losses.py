"""The losses of neural style transfer, as pure functions of feature maps.

Every loss here is computed from *sums over pixels* of one layer's features: the squared distance to a content
target, or the `Statistics` (pixels, Σf, Σffᵀ) of a region. Sums add up, so the same functions serve a whole
image, a masked region, and a large image measured tile by tile (see `objective`).

Shapes: feature maps are (B, C, H, W) tensors of any floating dtype; sums and losses are float32 at least (a Gram
matrix overflows float16), float64 for float64 input. Losses are computed for each image and averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..errors import unknown
from .roots import eigen, safe_root, traces_of_roots

# Keeps divisors and the arguments of roots away from zero.
RELATIVE_EPSILON = 1e-6

PRINCIPAL_DIRECTIONS = 192


def _accurate(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


@dataclass(frozen=True)
class Statistics:
    """Sums over the pixels of a region: everything the style losses know of an image.

    pixels: (B,) number (or total weight) of pixels; total: (B, C) Σ f; outer: (B, C, C) Σ f fᵀ.
    """

    pixels: Tensor
    total: Tensor
    outer: Tensor

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        """The three sums."""
        return self.pixels, self.total, self.outer

    def __add__(self, other: Statistics) -> Statistics:
        """The statistics of two disjoint regions together."""
        return Statistics(*(a + b for a, b in zip(self.tensors(), other.tensors(), strict=True)))

    @property
    def mean(self) -> Tensor:
        """(B, C) first moment."""
        return self.total / self._divisor[:, None]

    @property
    def second_moment(self) -> Tensor:
        """(B, C, C) second moment: the Gram matrix divided by the number of pixels."""
        return self.outer / self._divisor[:, None, None]

    @property
    def _divisor(self) -> Tensor:
        return self.pixels.clamp_min(torch.finfo(self.pixels.dtype).tiny)  # of an empty region, all moments are 0

    @property
    def covariance(self) -> Tensor:
        """(B, C, C) covariance matrix."""
        mean = self.mean
        return self.second_moment - mean[:, :, None] * mean[:, None, :]

    @cached_property
    def principal(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (B, C), falling and not negative, and eigenvectors (B, C, C) in columns of the covariance.

        Kept, because a target's are needed at every iteration.
        """
        values, vectors = eigen(self.covariance)
        return values.flip(1).clamp_min(0), vectors.flip(2)

    def blend(self, other: Statistics, amount: float) -> Statistics:
        """Per-pixel statistics of a mixture: `1 - amount` parts of this region, `amount` parts of the other."""
        one = torch.ones_like(self.pixels)
        return Statistics(
            one,
            torch.lerp(self.mean, other.mean, amount),
            torch.lerp(self.second_moment, other.second_moment, amount),
        )


class _Sums(torch.autograd.Function):
    """(B, C, H, W) features and (H, W) weights or None → Σ w f, Σ w f fᵀ.

    Autograd's own derivative of F Fᵀ takes two products and converts layouts on the way; the symmetric one takes
    one, (∂L/∂G + ∂L/∂Gᵀ) F, in the features' own precision and channels_last layout.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
        x = features.permute(0, 2, 3, 1).flatten(1, 2)  # (B, N, C): a view of channels_last features
        w = None if weights is None else weights.to(x.dtype).flatten()[:, None]
        ctx.save_for_backward(x, w)
        ctx.grid = features.shape[2:]
        ones = x.new_ones(()).expand(x.shape[0], x.shape[1], 1) if w is None else w.expand(x.shape[0], -1, 1)
        return _outer(ones, x)[:, 0], _outer(x if w is None else x * w, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_outer: Tensor) -> tuple[Tensor, None]:
        x, w = ctx.saved_tensors
        symmetric = grad_outer + grad_outer.transpose(1, 2)
        grad = torch.baddbmm(grad_total[:, None].to(x.dtype), x, symmetric.to(x.dtype))
        grad = grad if w is None else grad * w
        return grad.reshape(grad.shape[0], *ctx.grid, -1).permute(0, 3, 1, 2), None


def _outer(a: Tensor, b: Tensor) -> Tensor:
    """Σ a bᵀ over pixels, (B, N, C) × (B, N, D) → (B, C, D), in float32 at least.

    Products of bfloat16 features are exact in float32, which the matrix units accumulate in; only their result is
    rounded. Summing many chunks' results in float32 keeps that rounding below 0.1 %, at 4 times the speed; where
    there are too few pixels for many chunks, float32 products cost little, and so do they on a GPU.
    """
    batch, pixels, channels = b.shape
    chunks = min(64, pixels // (2 * channels))
    if a.dtype != torch.bfloat16 or chunks < 8 or a.is_cuda:
        return _accurate(a).transpose(1, 2) @ _accurate(b)
    even = pixels // chunks * chunks
    parts = [x[:, :even].reshape(batch * chunks, -1, x.shape[2]) for x in (a, b)]
    outer = torch.bmm(parts[0].transpose(1, 2), parts[1]).float().reshape(batch, chunks, a.shape[2], channels).sum(1)
    if even < pixels:
        outer += a[:, even:].float().transpose(1, 2) @ b[:, even:].float()
    return outer


def feature_statistics(features: Tensor, weights: Tensor | None = None) -> Statistics:
    """Sum a layer's features over its pixels.

    features: (B, C, H, W). weights: (H, W) in [0, 1], how much each pixel belongs to the region (a guidance
    channel: Gatys et al. 2017, "Controlling Perceptual Factors", section 4); None counts every pixel once.
    """
    total, outer = _Sums.apply(features, weights)  # type: ignore[no-untyped-call]
    size = features.shape[2] * features.shape[3]
    pixels = total.new_full((), float(size)) if weights is None else weights.to(features.dtype).to(total).sum()
    return Statistics(pixels.expand(features.shape[0]), total, outer)


def gram_matrix(features: Tensor, normalize: str = "none") -> Tensor:
    """Gram matrix G = F Fᵀ of each image's flattened feature maps, (B, C, C).

    normalize: "none" (Gatys et al. 2015, eq. 3), "pixels" (divided by H·W) or "elements" (divided by C·H·W:
    Johnson et al. 2016, section 3.2).
    """
    _, channels, height, width = features.shape
    divisors = {"none": 1, "pixels": height * width, "elements": channels * height * width}
    if normalize not in divisors:
        raise unknown("Gram normalization", normalize, divisors)
    return feature_statistics(features).outer / divisors[normalize]


# --- content -----------------------------------------------------------------------------------------------


class ContentDistance(NamedTuple):
    """Sums over each image's pixels of one layer, (B,): squared distance to the target, its energy, element count."""

    squared: Tensor
    energy: Tensor
    elements: Tensor

    def __add__(self, other: ContentDistance) -> ContentDistance:  # type: ignore[override]
        return ContentDistance(*(a + b for a, b in zip(self, other, strict=True)))


def content_distance(features: Tensor, target: Tensor) -> ContentDistance:
    """Sum (F − P)², P² and 1 over each image's elements of (B, C, H, W) features F and their target P."""
    reference = _accurate(target)
    squared = _squared_norm(_accurate(features) - reference)
    elements = squared.new_full(squared.shape, float(reference[0].numel()))
    return ContentDistance(squared, _squared_norm(reference), elements)


ContentForm = Callable[[ContentDistance], Tensor]

CONTENT_FORMS: dict[str, ContentForm] = {
    # Σ(F − P)² / ΣP²: dimensionless, so that one weight serves every layer, image size and loss network.
    "relative": lambda d: d.squared / d.energy.clamp_min(RELATIVE_EPSILON),
    # ½ Σ(F − P)²: Gatys et al. 2015, eq. 1.
    "gatys": lambda d: d.squared / 2,
    # Σ(F − P)² / (C·H·W): Johnson et al. 2016, eq. 2.
    "johnson": lambda d: d.squared / d.elements,
    # Σ(F − P)² / (4·C·H·W): the deeplearning.ai "Art Generation" exercise.
    "coursera": lambda d: d.squared / (4 * d.elements),
    # ‖F − P‖₂, the distance itself; the small constant keeps its gradient finite where F = P.
    "euclidean": lambda d: (d.squared + RELATIVE_EPSILON).sqrt(),
}


def content_loss(features: Tensor, target: Tensor, form: str = "relative") -> Tensor:
    """Content loss between (B, C, H, W) feature maps and the content image's; see `CONTENT_FORMS` for the forms."""
    return content_form(form)(content_distance(features, target)).mean()


def content_form(name: str) -> ContentForm:
    """Look a content loss up by name."""
    if name not in CONTENT_FORMS:
        raise unknown("content loss", name, CONTENT_FORMS)
    return CONTENT_FORMS[name]


# --- style -------------------------------------------------------------------------------------------------


def _squared_norm(x: Tensor) -> Tensor:
    """Σx² over all but the batch dimension, (B,)."""
    return x.flatten(1).square().sum(1)


def _gram_difference(generated: Statistics, target: Statistics) -> Tensor:
    """‖G/M − A/M'‖² (B,): each Gram matrix divided by its own pixel count.

    The papers write one M because they give both images one size; divided each by its own, the formulas hold
    for a style image of any size and agree with the papers' where the sizes agree.
    """
    return _squared_norm(generated.second_moment - target.second_moment)


def _channels(statistics: Statistics) -> int:
    return statistics.total.shape[1]


def _gram_relative(generated: Statistics, target: Statistics) -> Tensor:
    """‖G/M − A/M‖² / ‖A/M‖²: dimensionless; 1 for a flat black image, 0 for the painting itself."""
    return _gram_difference(generated, target) / _squared_norm(target.second_moment).clamp_min(RELATIVE_EPSILON)


def _gram_gatys(generated: Statistics, target: Statistics) -> Tensor:
    """Σ(G − A)² / (4 N² M²): Gatys et al. 2015, eq. 4."""
    return _gram_difference(generated, target) / (4 * _channels(generated) ** 2)


def _gram_johnson(generated: Statistics, target: Statistics) -> Tensor:
    """‖G − A‖²_F with G = F Fᵀ / (C·H·W): Johnson et al. 2016, section 3.2."""
    return _gram_difference(generated, target) / _channels(generated) ** 2


def _gram_mse(generated: Statistics, target: Statistics) -> Tensor:
    """Mean over the C² entries of (G − A)², with G = F Fᵀ / (C·H·W)."""
    return _gram_difference(generated, target) / _channels(generated) ** 4


def _gram_euclidean(generated: Statistics, target: Statistics) -> Tensor:
    """‖G − A‖_F with G = F Fᵀ / (C·H·W), the distance itself."""
    return (_gram_johnson(generated, target) + RELATIVE_EPSILON**2).sqrt()


def _variances(statistics: Statistics) -> Tensor:
    return statistics.covariance.diagonal(dim1=1, dim2=2)


def _energy_of(statistics: Statistics) -> Tensor:
    """(B,) E‖f‖²."""
    return statistics.second_moment.diagonal(dim1=1, dim2=2).sum(1)


def _energy(target: Statistics) -> Tensor:
    """(B,) E‖f‖² and never 0: the target's distance from nothing, the unit of the relative moment losses."""
    return _energy_of(target).clamp_min(RELATIVE_EPSILON)


def _mean_std(generated: Statistics, target: Statistics) -> Tensor:
    """(‖μ − μ'‖² + ‖σ − σ'‖²) / E‖f'‖²: Huang and Belongie 2017, eq. 13, squared and made relative."""
    scale = _energy(target)[:, None]
    deviations = safe_root(_variances(generated), scale) - safe_root(_variances(target), scale)
    return (_squared_norm(generated.mean - target.mean) + _squared_norm(deviations)) / _energy(target)


def _mean_covariance(generated: Statistics, target: Statistics) -> Tensor:
    """‖μ − μ'‖² / ‖μ'‖² + ‖Σ − Σ'‖² / ‖Σ'‖²."""
    means = _squared_norm(generated.mean - target.mean) / _squared_norm(target.mean).clamp_min(RELATIVE_EPSILON)
    covariances = _squared_norm(generated.covariance - target.covariance)
    return means + covariances / _squared_norm(target.covariance).clamp_min(RELATIVE_EPSILON)


def _wasserstein(generated: Statistics, target: Statistics) -> Tensor:
    """Squared Wasserstein-2 distance between Gaussians, relative to the target's energy:

    (‖μ − μ'‖² + Tr(Σ + Σ' − 2 (Σ'^½ Σ Σ'^½)^½)) / E‖f'‖²; Dowson and Landau 1982, eq. 4.
    """
    return _wasserstein_in(_channels(generated), generated, target)


def _wasserstein_principal(generated: Statistics, target: Statistics) -> Tensor:
    """`_wasserstein` in the target's first 192 principal directions; those left over count as one isotropic Gaussian.

    Exact up to 192 channels, and where the two covariances are proportional in the rest, which holds a few percent
    of the energy of the layers with 512. A root of a 512 × 512 matrix costs as much as the gradient of
    a 100 px image.
    """
    return _wasserstein_in(PRINCIPAL_DIRECTIONS, generated, target)


def _wasserstein_in(directions: int, generated: Statistics, target: Statistics) -> Tensor:
    apart = _Apart.of(directions, generated, target)
    return apart.distance(*traces_of_roots([apart.product], [apart.scale]))


class _Apart(NamedTuple):
    """Two Gaussians, as far as their distance is known without the trace of a root.

    separate: (B,) distance less the overlap along the directions. product: (B, N, N), whose root's trace is that.
    scale: (B,), as large as the numbers whose differences its entries are. energy: (B,) the unit.
    """

    separate: Tensor
    product: Tensor
    scale: Tensor
    energy: Tensor

    @staticmethod
    def of(directions: int, generated: Statistics, target: Statistics) -> _Apart:
        """All in coordinates along the target's principal directions: of the C × C moments, one product is taken."""
        values, vectors = (part[..., :directions] for part in target.principal)
        mean = generated.mean
        turned = mean[:, None] @ vectors  # (B, 1, directions)
        inside = vectors.transpose(1, 2) @ generated.second_moment @ vectors - turned.transpose(1, 2) * turned
        roots = values.sqrt()
        product = inside * (roots[:, :, None] * roots[:, None, :])
        energy, wanted = _energy_of(generated) - _squared_norm(mean), target.principal[0].sum(1)
        separate = _squared_norm(mean - target.mean) + energy + wanted
        if directions < _channels(generated):
            rest = energy - inside.diagonal(dim1=1, dim2=2).sum(1)
            separate = separate - 2 * safe_root(rest * (wanted - values.sum(1)), wanted.square())
        # Covariances are what is left of second moments: rounding errors are those of the energy.
        scale = values[:, 0] * _energy(target)
        return _Apart(separate, (product + product.transpose(1, 2)) / 2, scale, _energy(target))

    def distance(self, overlap: Tensor) -> Tensor:
        """overlap: (B,) trace of the product's root."""
        return (self.separate - 2 * overlap) / self.energy


StyleForm = Callable[[Statistics, Statistics], Tensor]

STYLE_FORMS: dict[str, StyleForm] = {
    "gram": _gram_relative,
    "gram-gatys": _gram_gatys,
    "gram-johnson": _gram_johnson,
    "gram-mse": _gram_mse,
    "gram-euclidean": _gram_euclidean,
    "mean-std": _mean_std,
    "mean-covariance": _mean_covariance,
    "wasserstein": _wasserstein,
    "wasserstein-principal": _wasserstein_principal,
}

_DIRECTIONS = {"wasserstein": 0, "wasserstein-principal": PRINCIPAL_DIRECTIONS}  # 0: all


def style_form(name: str) -> StyleForm:
    """Look a style loss up by name: a function of (generated, target) `Statistics` that returns (B,) losses."""
    if name not in STYLE_FORMS:
        raise unknown("style loss", name, STYLE_FORMS)
    return STYLE_FORMS[name]


def style_losses(form: str, pairs: Sequence[tuple[Statistics, Statistics]]) -> list[Tensor]:
    """`style_form(form)` of several layers' (generated, target) statistics, in fewer and larger steps."""
    if form not in _DIRECTIONS:
        return [style_form(form)(generated, target) for generated, target in pairs]
    apart = [_Apart.of(_DIRECTIONS[form] or _channels(one), one, target) for one, target in pairs]
    overlaps = traces_of_roots([one.product for one in apart], [one.scale for one in apart])
    return [one.distance(overlap) for one, overlap in zip(apart, overlaps, strict=True)]


def style_loss(features: Tensor, target: Tensor, form: str = "gram") -> Tensor:
    """Style loss of one layer between (B, C, H, W) feature maps and the style image's (1 or B, C, H', W').

    form: see `STYLE_FORMS`; "gram", "mean-std", "mean-covariance" and "wasserstein" are dimensionless.
    """
    return style_form(form)(feature_statistics(features), feature_statistics(target)).mean()


# --- total variation ---------------------------------------------------------------------------------------


def total_variation(image: Tensor, exponent: float = 2.0) -> Tensor:
    """Total variation: the mean over pixels and channels of |∂x|^β + |∂y|^β.

    image: (B, C, H, W). exponent: β = 2 is Mahendran and Vedaldi 2015 (eq. 3, with B = 2), which punishes single-pixel
    noise most; β = 1 is the anisotropic total variation of Rudin et al. 1992.
    """
    return total_variations(image, exponent).mean()


def total_variations(images: Tensor, exponent: float = 2.0) -> Tensor:
    """`total_variation` of each image, (B,)."""
    across = (images[..., :, 1:] - images[..., :, :-1]).abs()
    down = (images[..., 1:, :] - images[..., :-1, :]).abs()
    return across.pow(exponent).mean((1, 2, 3)) + down.pow(exponent).mean((1, 2, 3))
