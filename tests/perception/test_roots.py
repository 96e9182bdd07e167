"""A GPU's way to the trace of a matrix's root, on the CPU that runs the tests."""

from __future__ import annotations

import pytest
import torch
from feature_maps import features
from torch import Tensor

from impasto.perception import roots
from impasto.perception.losses import style_loss


def root_by_products(symmetric: Tensor, scale: Tensor) -> Tensor:
    """What the Wasserstein losses take on a GPU."""
    trace: Tensor = roots._NewtonSchulz.apply(symmetric, scale)  # type: ignore[no-untyped-call]
    return trace


def semidefinite(size: int, rank: int, fall: float, seed: int = 0) -> Tensor:
    """(2, size, size) of `rank` eigenvalues that fall from 1 to 10^-fall."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.linalg.qr(torch.randn(2, size, size, generator=generator, dtype=torch.float64))[0][..., :rank]
    return vectors * torch.logspace(0, -fall, rank, dtype=torch.float64) @ vectors.transpose(1, 2)


@pytest.mark.parametrize(("size", "rank", "fall"), [(8, 8, 1), (64, 64, 4), (192, 192, 3), (192, 192, 6), (192, 40, 4)])
@pytest.mark.parametrize("factor", [1e-9, 1.0, 1e6])
def test_a_gpus_trace_of_a_root_and_its_gradient(size: int, rank: int, fall: float, factor: float) -> None:
    matrix = factor * semidefinite(size, rank, fall)
    given, scale = matrix.float().requires_grad_(), torch.full((2,), factor)
    trace = root_by_products(given, scale)
    values, vectors = torch.linalg.eigh(matrix)
    rooted = values.clamp_min(0).sqrt()
    # By which it may be too large: a root of the rounding errors for each eigenvalue.
    lifted = size * (2 * torch.finfo(torch.float32).eps * (factor + matrix[0].norm())) ** 0.5
    assert torch.all((trace - rooted.sum(1)).abs() < 1e-4 * rooted.sum(1) + lifted)
    (gradient,) = torch.autograd.grad(trace.sum(), given)
    # Where eigenvalues are well above rounding errors, the gradient is half the inverse root.
    large = (values > 1e-3 * factor)[0]
    turned = (vectors.transpose(1, 2) @ gradient.double() @ vectors).diagonal(dim1=1, dim2=2)[:, large]
    torch.testing.assert_close(turned, 1 / (2 * rooted[:, large]), rtol=2e-3, atol=0)


def test_what_is_left_of_a_flat_image_gives_finite_gradients() -> None:
    """Rounding errors of either sign where there should be zeros: the steps would grow without end."""
    noise = torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = 1e-3 * (noise + noise.transpose(1, 2))
    for left in (noise, noise * 0, noise - torch.eye(64)):
        matrix = left.clone().requires_grad_()
        trace = root_by_products(matrix, torch.ones(3))
        (gradient,) = torch.autograd.grad(trace.sum(), matrix)
        assert trace.isfinite().all()
        assert (trace >= 0).all()
        assert gradient.abs().max() < 1e4  # the inverse of the root of a rounding error


@pytest.mark.parametrize("level", [0.0, 0.3, 7.0])
def test_a_flat_image_has_gradients_of_the_usual_size_on_a_gpu(level: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "_trace_of_root", root_by_products)
    target = features(1, 64, 30, 40).float()
    noise = 1e-4 * torch.randn(2, 64, 16, 16, generator=torch.Generator().manual_seed(0))
    flat = (torch.full((2, 64, 16, 16), level) + level * noise).requires_grad_()
    (gradient,) = torch.autograd.grad(style_loss(flat, target, "wasserstein-principal"), flat)
    textured = features(2, 64, 16, 16, seed=3).float().requires_grad_()
    (usual,) = torch.autograd.grad(style_loss(textured, target, "wasserstein-principal"), textured)
    assert gradient.abs().max() < 100 * usual.abs().max()


def test_fewer_pixels_than_directions_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deep layers of small crops: there the lift counts, by some percent of the painting's energy."""
    target, generated = features(1, 512, 30, 40).float(), features(1, 512, 8, 8, seed=3).float().requires_grad_()
    loss = style_loss(generated, target, "wasserstein-principal")
    (gradient,) = torch.autograd.grad(loss, generated)
    monkeypatch.setattr(roots, "_trace_of_root", root_by_products)
    on_gpu = style_loss(generated, target, "wasserstein-principal")
    (gradient_on_gpu,) = torch.autograd.grad(on_gpu, generated)
    assert on_gpu.item() == pytest.approx(loss.item(), abs=0.05)
    assert (gradient_on_gpu - gradient).norm() < 0.1 * gradient.norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU")
def test_wasserstein_losses_on_a_gpu_itself() -> None:
    target, generated = features(1, 200, 30, 40).float(), features(2, 200, 20, 20, seed=3).float()
    here = style_loss(generated, target, "wasserstein-principal")
    there = style_loss(generated.cuda(), target.cuda(), "wasserstein-principal")
    assert there.item() == pytest.approx(here.item(), rel=0.01, abs=0.003)


@pytest.mark.parametrize("channels", [64, 200])
def test_wasserstein_losses_are_the_same_on_a_gpu(channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    form, target = "wasserstein-principal", features(1, channels, 30, 40).float()
    generated = features(2, channels, 20, 20, seed=3).float().requires_grad_()
    loss = style_loss(generated, target, form)
    (gradient,) = torch.autograd.grad(loss, generated)
    monkeypatch.setattr(roots, "_trace_of_root", root_by_products)
    on_gpu = style_loss(generated, target, form)
    (gradient_on_gpu,) = torch.autograd.grad(on_gpu, generated)
    assert on_gpu.item() == pytest.approx(loss.item(), rel=0.01, abs=0.003)
    assert (gradient_on_gpu - gradient).norm() < 0.02 * gradient.norm()
