"""Every loss against a float64 computation of its published formula that shares no code with the package."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg  # type: ignore[import-untyped]
import torch
from feature_maps import features
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ImpastoError
from impasto.perception.losses import (
    CONTENT_FORMS,
    STYLE_FORMS,
    Statistics,
    content_distance,
    content_form,
    content_loss,
    feature_statistics,
    gram_matrix,
    style_form,
    style_loss,
    total_variation,
)

Array = NDArray[np.float64]
quick = settings(max_examples=8, database=None)
seeds = st.integers(0, 2**31 - 1)


def flat(feature_map: Tensor) -> Array:
    """(1, C, H, W) → the papers' F: N filters by M positions."""
    assert feature_map.shape[0] == 1
    return feature_map[0].flatten(1).double().numpy()


def sums(statistics: Statistics) -> tuple[Tensor, Tensor, Tensor]:
    return statistics.pixels, statistics.total, statistics.outer


def relative_error(value: Tensor, reference: Tensor) -> float:
    return float((value.double() - reference.double()).norm() / reference.double().norm())


# --- Gram matrices -----------------------------------------------------------------------------------------


def gram_by_loops(f: Array) -> Array:
    """G_ij = Σ_k F_ik F_jk: Gatys et al. 2015, eq. 3."""
    channels, positions = f.shape
    gram = np.zeros((channels, channels))
    for i in range(channels):
        for j in range(channels):
            for k in range(positions):
                gram[i, j] += f[i, k] * f[j, k]
    return gram


@pytest.mark.parametrize(("normalize", "divisor"), [("none", 1), ("pixels", 5 * 6), ("elements", 4 * 5 * 6)])
def test_gram_matrix_is_the_papers(normalize: str, divisor: int) -> None:
    f = features(1, 4, 5, 6)
    expected = gram_by_loops(flat(f)) / divisor
    np.testing.assert_allclose(gram_matrix(f, normalize)[0].numpy(), expected, rtol=1e-12)


def test_gram_matrix_of_each_image_of_a_batch() -> None:
    f = features(3, 4, 5, 6)
    expected = np.einsum("bihw,bjhw->bij", f.numpy(), f.numpy())
    np.testing.assert_allclose(gram_matrix(f).numpy(), expected, rtol=1e-12)


def test_unknown_gram_normalization_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="did you mean pixels"):
        gram_matrix(features(1, 2, 3, 3), "pixel")


def test_gram_matrix_of_large_half_precision_features_is_finite() -> None:
    f = torch.full((1, 4, 64, 64), 300.0, dtype=torch.float16)
    gram = gram_matrix(f)
    assert gram.dtype == torch.float32
    assert relative_error(gram, torch.full((1, 4, 4), 300.0**2 * 64 * 64)) < 1e-3


# --- statistics --------------------------------------------------------------------------------------------


def test_statistics_are_numpys_moments() -> None:
    f = features(1, 4, 7, 6)
    statistics = feature_statistics(f)
    assert statistics.pixels.tolist() == [42]
    np.testing.assert_allclose(statistics.mean[0].numpy(), flat(f).mean(1), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance[0].numpy(), np.cov(flat(f), bias=True), atol=1e-12)


def test_weighted_statistics_are_numpys_weighted_moments() -> None:
    f, weights = features(1, 4, 7, 6), torch.rand(7, 6, dtype=torch.float64)
    statistics = feature_statistics(f, weights)
    w = weights.flatten().numpy()
    np.testing.assert_allclose(statistics.pixels.numpy(), [w.sum()], rtol=1e-12)
    np.testing.assert_allclose(statistics.mean[0].numpy(), np.average(flat(f), axis=1, weights=w), rtol=1e-12)
    covariance = np.cov(flat(f), aweights=w, bias=True)
    np.testing.assert_allclose(statistics.covariance[0].numpy(), covariance, atol=1e-12)


def test_weights_of_zero_and_one_select_pixels() -> None:
    f = features(2, 3, 6, 8)
    mask = torch.zeros(6, 8)
    mask[2:5, 1:4] = 1
    masked, cropped = feature_statistics(f, mask), feature_statistics(f[..., 2:5, 1:4])
    for ours, theirs in zip(sums(masked), sums(cropped), strict=True):
        torch.testing.assert_close(ours, theirs, check_dtype=False)


@quick
@given(height=st.integers(2, 9), width=st.integers(1, 9), cut=st.integers(1, 8), seed=seeds)
def test_statistics_of_disjoint_regions_add(height: int, width: int, cut: int, seed: int) -> None:
    cut = min(cut, height - 1)
    f = features(2, 3, height, width, seed=seed)
    weights = torch.rand(height, width, dtype=torch.float64)
    for w in (None, weights):
        upper = feature_statistics(f[..., :cut, :], None if w is None else w[:cut])
        lower = feature_statistics(f[..., cut:, :], None if w is None else w[cut:])
        for ours, theirs in zip(sums(upper + lower), sums(feature_statistics(f, w)), strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("amount", [0.0, 0.25, 1.0])
def test_blend_mixes_per_pixel_moments(amount: float) -> None:
    a, b = feature_statistics(features(1, 3, 4, 5)), feature_statistics(features(1, 3, 9, 2, seed=1))
    mixed = a.blend(b, amount)
    torch.testing.assert_close(mixed.mean, (1 - amount) * a.mean + amount * b.mean)
    torch.testing.assert_close(mixed.second_moment, (1 - amount) * a.second_moment + amount * b.second_moment)


def test_blend_of_halves_is_the_union_of_equal_regions() -> None:
    f, g = features(1, 3, 4, 5), features(1, 3, 4, 5, seed=1)
    half = feature_statistics(f).blend(feature_statistics(g), 0.5)
    union = feature_statistics(torch.cat([f, g], dim=3))
    torch.testing.assert_close(half.mean, union.mean)
    torch.testing.assert_close(half.covariance, union.covariance)


@pytest.mark.parametrize("shape", [(1, 16, 9, 11), (2, 32, 40, 33)])  # with and without a remainder of its chunks
@pytest.mark.parametrize("weighted", [False, True])
def test_bfloat16_statistics_are_close(shape: tuple[int, int, int, int], weighted: bool) -> None:
    f = features(*shape).bfloat16()
    weights = torch.rand(shape[2:], generator=torch.Generator().manual_seed(1)) if weighted else None
    half, exact = feature_statistics(f, weights), feature_statistics(f.double(), weights)
    assert half.outer.dtype == torch.float32
    assert relative_error(half.total, exact.total) < 0.005
    assert relative_error(half.outer, exact.outer) < 0.005


def outer_and_total(x: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor]:
    statistics = feature_statistics(x, weights)
    return statistics.total, statistics.outer


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gradient_of_statistics(weighted: bool, layout: torch.memory_format) -> None:
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    weights = torch.rand(4, 5, dtype=torch.float64) if weighted else None
    assert torch.autograd.gradcheck(lambda t: outer_and_total(t, weights), (x,))


def test_gradient_of_bfloat16_statistics_has_the_features_type() -> None:
    x = features(1, 8, 12, 10).bfloat16().requires_grad_()
    exact = x.detach().double().requires_grad_()
    for leaf in (x, exact):
        statistics = feature_statistics(leaf)
        (statistics.second_moment.square().sum() + statistics.mean.sum()).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert exact.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert relative_error(x.grad, exact.grad) < 0.01


# --- content -----------------------------------------------------------------------------------------------


def content_by_loops(f: Array, p: Array) -> float:
    """Σ_ij (F_ij − P_ij)²."""
    return float(sum((f[i, j] - p[i, j]) ** 2 for i in range(f.shape[0]) for j in range(f.shape[1])))


CONTENT_FORMULAS: dict[str, Callable[[Array, Array, int, int, int], float]] = {
    "relative": lambda f, p, *_: content_by_loops(f, p) / float((p**2).sum()),
    # Gatys et al. 2015, eq. 1: ½ Σ (F − P)²
    "gatys": lambda f, p, *_: 0.5 * content_by_loops(f, p),
    # Johnson et al. 2016, eq. 2: ‖F − P‖² / (C_j H_j W_j)
    "johnson": lambda f, p, c, h, w: content_by_loops(f, p) / (c * h * w),
    # The exercise: Σ (a_C − a_G)² / (4 n_H n_W n_C)
    "coursera": lambda f, p, c, h, w: content_by_loops(f, p) / (4 * h * w * c),
    "euclidean": lambda f, p, *_: float(np.linalg.norm(f - p)),
}


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_content_loss_is_the_published_formula(form: str) -> None:
    f, p = features(1, 4, 5, 6), features(1, 4, 5, 6, seed=1)
    expected = CONTENT_FORMULAS[form](flat(f), flat(p), 4, 5, 6)
    assert content_loss(f, p, form).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("form", CONTENT_FORMS)
@quick
@given(seed=seeds)
def test_content_loss_of_identical_features_is_zero_and_of_others_positive(form: str, seed: int) -> None:
    f, p = features(1, 3, 4, 5, seed=seed), features(1, 3, 4, 5, seed=seed + 1)
    same, other = content_loss(p, p, form).item(), content_loss(f, p, form).item()
    assert 0 <= same <= 1.001e-3  # the Euclidean distance is rounded off where it would have a kink
    assert other > 2 * same


@pytest.mark.parametrize("form", CONTENT_FORMS)
def test_gradient_of_content_losses(form: str) -> None:
    x, target = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True), features(1, 2, 3, 4)
    assert torch.autograd.gradcheck(lambda t: content_loss(t, target, form), (x,))
    same = target.clone().requires_grad_()
    content_loss(same, target, form).backward()  # type: ignore[no-untyped-call]
    assert same.grad is not None
    assert same.grad.abs().max().item() == 0


def test_content_distances_of_disjoint_regions_add() -> None:
    f, p = features(1, 3, 8, 5), features(1, 3, 8, 5, seed=1)
    parts = content_distance(f[..., :3, :], p[..., :3, :]) + content_distance(f[..., 3:, :], p[..., 3:, :])
    for form in CONTENT_FORMS:
        assert content_form(form)(parts).item() == pytest.approx(content_loss(f, p, form).item(), rel=1e-12)


def test_relative_content_loss_does_not_depend_on_scale_or_size() -> None:
    f, p = features(1, 3, 4, 5), features(1, 3, 4, 5, seed=1)
    once = content_loss(f, p).item()
    assert content_loss(40 * f, 40 * p).item() == pytest.approx(once)
    assert content_loss(f.repeat(1, 1, 3, 2), p.repeat(1, 1, 3, 2)).item() == pytest.approx(once)


# --- style -------------------------------------------------------------------------------------------------


def gram_distance(f: Array, a: Array, n: float = 1.0) -> float:
    """Σ_ij (G_ij − A_ij)², each Gram matrix divided by n and by its own number of positions."""
    g, t = gram_by_loops(f) / (n * f.shape[1]), gram_by_loops(a) / (n * a.shape[1])
    return float(sum((g[i, j] - t[i, j]) ** 2 for i in range(len(g)) for j in range(len(g))))


def moments(f: Array) -> tuple[Array, Array]:
    return f.mean(1), np.cov(f, bias=True)


def energy(f: Array) -> float:
    """E‖f‖²."""
    return float((f**2).sum() / f.shape[1])


def gram_formula(f: Array, a: Array) -> float:
    return gram_distance(f, a) / float(((gram_by_loops(a) / a.shape[1]) ** 2).sum())


def mean_std_formula(f: Array, a: Array) -> float:
    """Huang and Belongie 2017, eq. 13, squared."""
    return float(((f.mean(1) - a.mean(1)) ** 2).sum() + ((f.std(1) - a.std(1)) ** 2).sum()) / energy(a)


def mean_covariance_formula(f: Array, a: Array) -> float:
    (mean, covariance), (mean_a, covariance_a) = moments(f), moments(a)
    means = ((mean - mean_a) ** 2).sum() / (mean_a**2).sum()
    return float(means + ((covariance - covariance_a) ** 2).sum() / (covariance_a**2).sum())


def wasserstein_formula(f: Array, a: Array) -> float:
    """‖μ − μ'‖² + Tr(Σ + Σ' − 2 (Σ'^½ Σ Σ'^½)^½): Dowson and Landau 1982."""
    (mean, covariance), (mean_a, covariance_a) = moments(f), moments(a)
    root = scipy.linalg.sqrtm(covariance_a)
    cross = np.real(scipy.linalg.sqrtm(root @ covariance @ root))
    return float(((mean - mean_a) ** 2).sum() + np.trace(covariance + covariance_a - 2 * cross)) / energy(a)


STYLE_FORMULAS: dict[str, Callable[[Array, Array], float]] = {
    "gram": gram_formula,
    # Gatys et al. 2015, eq. 4, Σ (G − A)² / (4 N² M²), the Gram matrices' M in the distance
    "gram-gatys": lambda f, a: gram_distance(f, a) / (4 * f.shape[0] ** 2),
    # Johnson et al. 2016: squared Frobenius norm, G = ψψᵀ / (C H W)
    "gram-johnson": lambda f, a: gram_distance(f, a, n=f.shape[0]),
    # fast.ai's lesson: mean squared error of Gram matrices divided by (C H W)
    "gram-mse": lambda f, a: gram_distance(f, a, n=f.shape[0]) / f.shape[0] ** 2,
    "gram-euclidean": lambda f, a: float(np.sqrt(gram_distance(f, a, n=f.shape[0]))),
    "mean-std": mean_std_formula,
    "mean-covariance": mean_covariance_formula,
    "wasserstein": wasserstein_formula,
    "wasserstein-principal": wasserstein_formula,  # the same up to 192 channels
}
DIMENSIONLESS = ("gram", "mean-std", "mean-covariance", "wasserstein", "wasserstein-principal")


@pytest.mark.parametrize("form", STYLE_FORMS)
@pytest.mark.parametrize("style_size", [(5, 6), (7, 4), (11, 9)])
def test_style_loss_is_the_published_formula(form: str, style_size: tuple[int, int]) -> None:
    f, a = features(1, 4, 5, 6), features(1, 4, *style_size, seed=1)
    assert style_loss(f, a, form).item() == pytest.approx(STYLE_FORMULAS[form](flat(f), flat(a)), rel=1e-6)


def test_gatys_style_loss_of_one_size_is_equation_4() -> None:
    f, a = features(1, 4, 5, 6), features(1, 4, 5, 6, seed=1)
    n, m = 4, 5 * 6
    expected = ((gram_by_loops(flat(f)) - gram_by_loops(flat(a))) ** 2).sum() / (4 * n**2 * m**2)
    assert style_loss(f, a, "gram-gatys").item() == pytest.approx(expected)


def test_coursera_style_cost_is_the_gatys_form() -> None:
    """J = Σ (G_S − G_G)² / (4 n_C² (n_H n_W)²), of matrices unrolled as the exercise does."""
    f, a = features(1, 4, 5, 6), features(1, 4, 5, 6, seed=1)
    unrolled = [x[0].permute(1, 2, 0).reshape(-1, 4).T.numpy() for x in (f, a)]
    generated, style = (x @ x.T for x in unrolled)
    expected = ((style - generated) ** 2).sum() / (4 * 4**2 * (5 * 6) ** 2)
    assert style_loss(f, a, "gram-gatys").item() == pytest.approx(expected)


def test_johnson_style_loss_is_of_gram_matrices_by_elements() -> None:
    f, a = features(1, 4, 5, 6), features(1, 4, 8, 3, seed=1)
    expected = (gram_matrix(f, "elements") - gram_matrix(a, "elements")).square().sum().item()
    assert style_loss(f, a, "gram-johnson").item() == pytest.approx(expected)


def test_fastai_style_loss_is_torchs_mse_of_gram_matrices() -> None:
    f, a = features(1, 4, 5, 6), features(1, 4, 5, 6, seed=1)
    expected = torch.nn.functional.mse_loss(gram_matrix(f, "elements"), gram_matrix(a, "elements")).item()
    assert style_loss(f, a, "gram-mse").item() == pytest.approx(expected)


def test_relative_gram_loss_of_a_black_image_is_one() -> None:
    assert style_loss(torch.zeros(1, 4, 3, 3), features(1, 4, 5, 6).float()).item() == pytest.approx(1)


@pytest.mark.parametrize("form", STYLE_FORMS)
@quick
@given(seed=seeds, height=st.integers(3, 8), width=st.integers(3, 8))
def test_style_loss_of_identical_features_is_zero_and_of_others_positive(
    form: str, seed: int, height: int, width: int
) -> None:
    f, a = features(1, 4, height, width, seed=seed), features(1, 4, 6, 7, seed=seed + 1)
    assert style_loss(a, a, form).item() == pytest.approx(0, abs=1e-5)
    assert style_loss(f, a, form).item() > 1e-5


@pytest.mark.parametrize("form", ["wasserstein", "wasserstein-principal"])
@pytest.mark.parametrize(("channels", "side"), [(128, 3), (256, 4), (256, 12)])
def test_wasserstein_losses_are_zero_at_a_target_of_few_pixels(form: str, channels: int, side: int) -> None:
    """Deep layers of small images: most eigenvalues of the covariance are zero, and their roots must not add up."""
    f = features(1, channels, side, side)
    assert style_loss(f, f, form).item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("form", ["wasserstein", "wasserstein-principal"])
def test_wasserstein_losses_of_one_dimension(form: str) -> None:
    """All channels equal, {0, 2} against {0, 6}: Gaussians on a line, whose distance needs no root of a matrix."""
    f = torch.zeros(1, 128, 1, 2, dtype=torch.float64)
    f[..., 1] = 2
    expected = ((1 - 3) ** 2 + (1 - 3) ** 2) / (6**2 / 2)
    assert style_loss(f, 3 * f, form).item() == pytest.approx(expected, abs=1e-3)


def test_principal_wasserstein_loss_takes_the_directions_left_over_as_one_isotropic_gaussian() -> None:
    f, a = features(1, 200, 40, 40), features(1, 200, 40, 40, seed=1)
    (mean, covariance), (mean_a, covariance_a) = moments(flat(f)), moments(flat(a))
    values, vectors = np.linalg.eigh(covariance_a)
    rest, inside = vectors[:, :8], vectors[:, 8:]
    roots = inside @ np.diag(np.sqrt(values[8:])) @ inside.T
    overlap = np.trace(np.real(scipy.linalg.sqrtm(inside.T @ roots @ covariance @ roots @ inside)))
    overlap += np.sqrt(np.trace(rest.T @ covariance @ rest) * values[:8].sum())
    distance = ((mean - mean_a) ** 2).sum() + np.trace(covariance + covariance_a) - 2 * overlap
    expected = distance / energy(flat(a))
    assert style_loss(f, a, "wasserstein-principal").item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("form", ["wasserstein", "wasserstein-principal"])
@pytest.mark.parametrize("side", [2, 6])
def test_channels_that_see_nothing_leave_the_loss_finite(side: int, form: str) -> None:
    """As in deep layers of small pictures: LAPACK's own float32 is not up to that."""
    for seed in range(6):
        blind = torch.rand(512, generator=torch.Generator().manual_seed(seed)) < 0.5
        f, a = (features(1, 512, side, side, seed=one).float() for one in (seed, seed + 9))
        f[:, blind], a[:, blind] = 0, 0
        f.requires_grad_()
        loss = style_loss(f, a, form)
        (gradient,) = torch.autograd.grad(loss, f)
        assert 0 < loss.item() < 2
        assert gradient.isfinite().all()
        assert loss.item() == pytest.approx(style_loss(f.double(), a.double(), form).item(), rel=0.05)


# --- what holds for all --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", STYLE_FORMS)
@quick
@given(seed=seeds)
def test_permuting_pixels_does_not_change_style(form: str, seed: int) -> None:
    f, a = features(1, 3, 5, 6, seed=seed), features(1, 3, 4, 7, seed=seed + 1)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(seed))
    shuffled = f.flatten(2)[..., order].reshape(1, 3, 10, 3)
    assert style_loss(shuffled, a, form).item() == pytest.approx(style_loss(f, a, form).item(), rel=1e-9)


@pytest.mark.parametrize("form", DIMENSIONLESS)
def test_dimensionless_style_losses_do_not_depend_on_scale_or_size(form: str) -> None:
    f, a = features(1, 3, 5, 6), features(1, 3, 4, 7, seed=1)
    once = style_loss(f, a, form).item()
    assert style_loss(300 * f, 300 * a, form).item() == pytest.approx(once, rel=1e-5)
    assert style_loss(f.repeat(1, 1, 2, 3), a.repeat(1, 1, 3, 1), form).item() == pytest.approx(once, rel=1e-5)


@pytest.mark.parametrize("form", STYLE_FORMS)
def test_style_loss_averages_over_the_batch(form: str) -> None:
    f, a = features(3, 4, 5, 6), features(1, 4, 6, 6, seed=1)
    each = [style_loss(f[i : i + 1], a, form).item() for i in range(3)]
    assert style_loss(f, a, form).item() == pytest.approx(np.mean(each), rel=1e-9)
    assert style_loss(f, a.expand(3, -1, -1, -1), form).item() == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize("form", STYLE_FORMS)
def test_gradient_of_style_losses(form: str) -> None:
    x, a = features(1, 3, 4, 5).requires_grad_(), features(1, 3, 5, 6, seed=1)
    assert torch.autograd.gradcheck(lambda t: style_loss(t, a, form), (x,))


@pytest.mark.parametrize("form", STYLE_FORMS)
@pytest.mark.parametrize("channels", [32, 256])
def test_gradient_is_finite_with_fewer_pixels_than_channels(form: str, channels: int) -> None:
    for seed in range(4):
        target = features(1, channels, 4, 4, seed=seed).float()
        for start in (features(1, channels, 2, 2).float(), target):
            x = start.clone().requires_grad_()
            style_loss(x, target, form).backward()  # type: ignore[no-untyped-call]
            assert x.grad is not None
            assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("form", STYLE_FORMS)
@pytest.mark.parametrize("value", [0.0, 0.3])
def test_gradient_is_finite_on_flat_images(form: str, value: float) -> None:
    x = torch.full((1, 8, 4, 4), value, requires_grad=True)
    style_loss(x, features(1, 8, 4, 4).float(), form).backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_losses_of_float32_features_are_float32_and_close_to_float64() -> None:
    f, a = features(1, 8, 12, 9), features(1, 8, 10, 10, seed=1)
    for form in STYLE_FORMS:
        single = style_loss(f.float(), a.float(), form)
        assert single.dtype == torch.float32
        assert single.item() == pytest.approx(style_loss(f, a, form).item(), rel=1e-3)


# --- lookups -----------------------------------------------------------------------------------------------


def test_unknown_content_form_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown content loss 'johnsen': did you mean johnson"):
        content_form("johnsen")


def test_unknown_style_form_names_the_nearest() -> None:
    with pytest.raises(ImpastoError, match="unknown style loss 'gramm': did you mean gram"):
        style_form("gramm")
    with pytest.raises(ImpastoError, match=r"choose from .*wasserstein"):
        style_loss(features(1, 2, 3, 3), features(1, 2, 3, 3), "qqq")


def test_every_form_has_an_independent_formula() -> None:
    assert set(CONTENT_FORMULAS) >= set(CONTENT_FORMS)
    assert set(STYLE_FORMULAS) >= set(STYLE_FORMS)


def test_statistics_add_by_sums_not_by_concatenation() -> None:
    one = Statistics(torch.ones(1), torch.ones(1, 2), torch.ones(1, 2, 2))
    both = one + one
    assert isinstance(both, Statistics)
    assert all((part == 2).all() for part in sums(both))


# --- total variation ---------------------------------------------------------------------------------------


def total_variation_by_loops(image: Array, exponent: float) -> float:
    _, _, height, width = image.shape
    across = [abs(image[..., :, x + 1] - image[..., :, x]) ** exponent for x in range(width - 1)]
    down = [abs(image[..., y + 1, :] - image[..., y, :]) ** exponent for y in range(height - 1)]
    return float(np.mean(across) + np.mean(down))


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_total_variation_by_loops(exponent: float) -> None:
    image = torch.rand(1, 3, 5, 7, dtype=torch.float64)
    expected = total_variation_by_loops(image.numpy(), exponent)
    assert total_variation(image, exponent).item() == pytest.approx(expected)


def test_total_variation_of_known_pictures() -> None:
    assert total_variation(torch.full((1, 3, 4, 4), 0.3)).item() == 0
    ramp = torch.arange(5.0).expand(1, 3, 4, 5) / 10
    assert total_variation(ramp).item() == pytest.approx(0.01)
    assert total_variation(ramp.transpose(2, 3), 1).item() == pytest.approx(0.1)


def test_gradient_of_total_variation() -> None:
    image = torch.rand(1, 2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(total_variation, (image,))
