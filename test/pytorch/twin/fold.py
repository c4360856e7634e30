"""Folding BatchNorm into the convolution before it, as deployed checkpoints have it."""

from __future__ import annotations

import torch
from torch import nn

from models.common import Conv


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """In place, in float32: w·γ/√(σ²+ε), β − μ·γ/√(σ²+ε); the Conv modules lose their `bn`."""
    for module in model.modules():
        if not isinstance(module, Conv) or "bn" not in module._modules:
            continue
        conv, bn = module.conv, module.bn
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        conv.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1), requires_grad=False)
        conv.bias = nn.Parameter(bn.bias - bn.running_mean * scale, requires_grad=False)
        del module._modules["bn"]
    return model
