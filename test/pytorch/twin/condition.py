"""Random weights under which a network behaves like a trained one: unit-scale activations, a few detections."""

from __future__ import annotations

import math

import torch
from torch import nn

from models.yolo import Detect
from twin import newer

CANDIDATES = 0.01
"""Share of the anchors whose objectness comes out above one half."""


def _randomise(model: nn.Module, generator: torch.Generator) -> None:
    """Weights of variance 2 / fan-in; affine parameters of BatchNorm around (1, 0.8)."""

    def normal(tensor: torch.Tensor, deviation: float, mean: float = 0.0) -> None:
        tensor.data.copy_(torch.randn(tensor.shape, generator=generator) * deviation + mean)

    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            normal(module.weight, 0.15, 1.0)
            normal(module.bias, 0.3, 0.8)
        elif isinstance(module, nn.ConvTranspose2d):
            kernel, stride = (math.prod(v) for v in (module.kernel_size, module.stride))
            normal(module.weight, math.sqrt(stride / kernel / (module.in_channels // module.groups)))
            normal(module.bias, 0.1)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            normal(module.weight, math.sqrt(2 / module.weight[0].numel()))
            if module.bias is not None:
                normal(module.bias, 0.1)
        elif isinstance(module, nn.MultiheadAttention):
            normal(module.in_proj_weight, math.sqrt(1 / module.embed_dim))
            normal(module.in_proj_bias, 0.1)


def _measure_batch_norm(model: nn.Module, x: torch.Tensor, generator: torch.Generator) -> None:
    """Running statistics from a forward pass, each BatchNorm seeing what those before it give; then jittered.

    Most of the mean stays and counts as variance: subtracting a large mean and dividing the small rest up to unit scale
    would blow rounding errors up, layer by layer, as does not happen in trained networks.
    """

    def before(module: nn.BatchNorm2d, inputs) -> None:
        deviation, mean = torch.std_mean(inputs[0], dim=(0, 2, 3), unbiased=False)
        jitter = torch.randn(2, *mean.shape, generator=generator) * 0.1
        module.running_mean.copy_(0.2 * mean + jitter[0] * deviation)
        module.running_var.copy_((deviation**2 + mean**2 + 1e-4) * (1 + jitter[1]) ** 2)

    hooks = [m.register_forward_pre_hook(before) for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    model(x)
    for hook in hooks:
        hook.remove()


def _set_head_biases(head: Detect, features: list[torch.Tensor]) -> None:
    """Logits of unit scale. Objectness: only the given share of anchors positive; classes: the best one usually likely."""
    for conv, x in zip(head.m, features):
        conv.bias.data.zero_()
        y = conv(x)
        scale = 1 / max(y.std().item(), 1e-3)
        conv.weight.data *= scale
        n, _, h, w = y.shape
        objectness = y.view(n, head.na, head.no, h * w)[:, :, 4] * scale
        boxes = conv.weight.data.view(head.na, head.no, -1)[:, :4]
        boxes *= 0.5
        bias = conv.bias.data.view(head.na, head.no)
        bias[:, 2:4] = -0.2  # boxes a little smaller than their anchors
        bias[:, 4] = -torch.quantile(objectness, 1 - CANDIDATES)
        bias[:, 5 : 5 + head.nc] = 0.8


def _round_to_half(model: nn.Module) -> None:
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.copy_(tensor.data.half().float())


def condition(model: nn.Module, x: torch.Tensor, seed: int) -> nn.Module:
    """In place; `x` [N, 3, H, W] stands for the data. Every number is representable in float16 afterwards."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _randomise(model, generator)
        _measure_batch_norm(model, x, generator)
        head = model.model[-1]
        if isinstance(head, newer.Detect):
            seen: list[torch.Tensor] = []
            model(x, lambda module, given, out: seen.extend(given if module is head else []))
            newer.set_head(model, seen)
        elif isinstance(head, Detect):
            seen = []
            model(x, lambda module, given, out: seen.extend(given if module is head else []))
            _set_head_biases(head, seen)
        _round_to_half(model)
    return model
