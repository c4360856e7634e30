"""The blocks that checkpoints name under `models.experimental`."""

from __future__ import annotations

import torch
from torch import nn

from models.common import CrossConv  # noqa: F401  (some versions keep it here)


class Sum(nn.Module):
    """Sum of `n` inputs; weighted ones scale every input but the first by 2·sigmoid(w)."""

    def __init__(self, n, weight=False):
        super().__init__()
        self.weight = weight
        self.iter = range(n - 1)
        if weight:
            self.w = nn.Parameter(-torch.arange(1.0, n) / 2, requires_grad=True)

    def forward(self, x):
        total = x[0]
        for index in self.iter:
            term = x[index + 1]
            total = total + (term * (2 * torch.sigmoid(self.w[index])) if self.weight else term)
        return total
