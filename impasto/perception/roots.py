"""Roots of numbers and of matrices whose gradient stays finite where the numbers are nearly 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def safe_root(x: Tensor, scale: Tensor) -> Tensor:
    """√x, continued as a straight line through 0 below the rounding errors of values as large as `scale`."""
    precision = torch.finfo(x.dtype)
    floor = (8 * precision.eps * scale).clamp_min(precision.tiny**0.5)
    return torch.where(x > floor, x.clamp_min(floor).sqrt(), x / floor.sqrt())


def traces_of_roots(matrices: Sequence[Tensor], scales: Sequence[Tensor]) -> list[Tensor]:
    """Traces, (B,), of the roots of symmetric positive semidefinite matrices, (B, N, N) each.

    scales: (B,) each, as large as the numbers whose differences their entries are. Matrices of one size are taken
    together: a GPU needs as long for eight as for eighty.
    """
    sizes = [matrix.shape[1] for matrix in matrices]
    found = dict[int, Tensor]()
    for size in dict.fromkeys(sizes):
        places = [place for place, other in enumerate(sizes) if other == size]
        counts = [len(matrices[place]) for place in places]
        scale = torch.cat([scales[place].expand(count) for place, count in zip(places, counts, strict=True)])
        traces = _trace_of_root(torch.cat([matrices[place] for place in places]), scale)
        found.update(zip(places, torch.split(traces, counts), strict=True))
    return [found[place] for place in range(len(sizes))]


def _trace_of_root(symmetric: Tensor, scale: Tensor) -> Tensor:
    """The trace of the root is the sum of the roots of eigenvalues, whose gradient needs no eigenvalue differences."""
    if symmetric.is_cuda:
        trace: Tensor = _NewtonSchulz.apply(symmetric, scale)  # type: ignore[no-untyped-call]
        return trace
    return safe_root(torch.linalg.eigvalsh(_exact(symmetric)).to(symmetric.dtype), scale[:, None]).sum(1)


@torch.no_grad()
def square_root(symmetric: Tensor, scale: Tensor) -> Tensor:
    """The roots of (B, N, N) positive semidefinite matrices.

    scale: (B,), as large as the numbers whose differences their entries are. Rounding errors of these may have made
    negative what should be 0, so eigenvalues are lifted by as much.
    """
    least = 32 * torch.finfo(symmetric.dtype).eps * scale[:, None, None].double()
    if symmetric.is_cuda:
        root, _, norm, _ = _newton_schulz(symmetric.double(), least)
        return (root * norm.sqrt()).to(symmetric.dtype)
    values, vectors = torch.linalg.eigh(_exact(symmetric))
    roots = (values[:, None] + least.to(values)).clamp_min(0).sqrt()
    return (vectors * roots @ vectors.transpose(1, 2)).to(symmetric.dtype)


def eigen(symmetric: Tensor) -> tuple[Tensor, Tensor]:
    """(B, N, N) → eigenvalues (B, N), rising, and eigenvectors (B, N, N) in columns."""
    values, vectors = torch.linalg.eigh(_exact(symmetric))
    return values.to(symmetric.dtype), vectors.to(symmetric.dtype)


def _exact(symmetric: Tensor) -> Tensor:
    """In float64, where there is such: in float32, MKL fails at nearly half of the matrices with many rows of zeros.

    Channels that see nothing give such rows. It finds no eigenvalues, or some that are no numbers.
    """
    return symmetric if symmetric.device.type == "mps" else symmetric.double()


DOUBLINGS, REFINEMENTS = 8, 4  # steps that double what is small, and that bring all close to 1


def _newton_schulz(matrix: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Root and inverse root of (B, N, N) float64 matrices over their norms, these norms, and the matrices taken.

    least: (B, 1, 1), what is added to the diagonal.
    """
    identity = torch.eye(matrix.shape[1], device=matrix.device, dtype=matrix.dtype).expand_as(matrix)
    lifted = matrix + least * identity
    norm = torch.linalg.matrix_norm(lifted, keepdim=True)
    root, inverse = lifted / norm, identity
    for step in range(DOUBLINGS + REFINEMENTS):
        factor = 2.0 if step < DOUBLINGS else 1.5
        turn = torch.baddbmm(identity, inverse, root, beta=factor, alpha=1 - factor)
        root, inverse = root @ turn, turn @ inverse
    return root, inverse, norm, lifted


class _NewtonSchulz(torch.autograd.Function):
    """`_trace_of_root` by matrix products alone (Higham 2008, "Functions of Matrices", section 6.7).

    For GPUs, where torch finds the eigenvalues of one matrix after the other: 14 ms for four of 192 × 192 on an H100,
    which waits meanwhile (pytorch #174674). What rounding errors leave of zeros grows from step to step, so they are
    lifted above zero first. That adds some thousandths to the trace, up to some percent where an image has fewer pixels
    than the layer directions. Where it is not enough, because an image is flat, the trace is the largest that a matrix
    of this size and sum of eigenvalues can have: far too large, but finite, and so is its gradient.

    In float64, whatever is given: in float32, errors between what is large and what is small grow threefold a step.
    """

    @staticmethod
    def forward(ctx: Any, symmetric: Tensor, scale: Tensor) -> Tensor:
        size, error = symmetric.shape[1], torch.finfo(symmetric.dtype).eps
        matrix = symmetric.double()
        identity = torch.eye(size, device=matrix.device, dtype=matrix.dtype).expand_as(matrix)
        least = 2 * error * (scale[:, None, None] + torch.linalg.matrix_norm(matrix, keepdim=True))
        root, inverse, norm, lifted = _newton_schulz(matrix, least)
        trace = _trace(root) * norm.flatten().sqrt()
        most = (size * torch.maximum(_trace(lifted), size * least.flatten())).sqrt()
        # No eigenvalue is below `least`, had rounding not made some negative. False for what is not finite, too.
        steep = inverse.abs().amax((1, 2)) * (least / norm).flatten().sqrt()
        good = (trace >= 0) & (trace <= 1.01 * most) & (steep < 2)
        gradient = torch.where(
            good[:, None, None], inverse / (2 * norm.sqrt()), identity * (size / (2 * most))[:, None, None]
        )
        ctx.save_for_backward(gradient.to(symmetric.dtype))
        return torch.where(good, trace, most).to(symmetric.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return grad[:, None, None] * gradient, None


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=1, dim2=2).sum(1)
