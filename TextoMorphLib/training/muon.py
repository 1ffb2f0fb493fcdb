"""Muon: momentum whose update of each matrix is made orthogonal (Jordan et al., 2024).

Every direction that a layer can learn in gets the same step, so that faint attributes are learnt along with strong
ones. torch's own Muon takes two-dimensional weights alone, and a denoiser is made of convolutions.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # of the fifth-order iteration; brings singular values to about 1
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions; a convolution's kernel is one row for each channel that comes out.

    Args:
        parameters: The weights.
        lr: Learning rate: how far a step moves a matrix of unit singular values.
        momentum: Of the gradient's moving average.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float = 0.02, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Moves the weights along their gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["average"] = torch.zeros_like(weight)
                average = state["average"].lerp_(weight.grad, 1 - group["momentum"])
                change = orthogonal(weight.grad.lerp(average, group["momentum"]).flatten(1))
                rows, columns = change.shape
                weight.add_(change.view_as(weight), alpha=-group["lr"] * max(1, rows / columns) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with singular values of about 1 (0.7 to 1.2), float32."""
    a, b, c = NEWTON_SCHULZ
    wide = matrix.bfloat16()
    wide = wide.T if len(wide) > wide.shape[1] else wide
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(ITERATIONS):
        square = wide @ wide.T
        wide = a * wide + (b * square + c * square @ square) @ wide
    return (wide.T if len(matrix) > matrix.shape[1] else wide).float()
