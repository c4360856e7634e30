"""Small networks without anchors: the blocks and heads of v8 (segmentation), 11 (pose) and 26 (end-to-end detection)."""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn import tasks
from ultralytics.nn.modules.block import C2PSA, SPPF, C2f, C3k2
from ultralytics.nn.modules.conv import Concat, Conv
from ultralytics.nn.modules.head import Detect, Pose, Segment, depthwise

STRIDES = [8.0, 16.0]
NC = 3


def _network(kind, rows, head) -> nn.Module:
    """Modules with the indices of what they read; `rows` are (from, module)."""
    model = kind()
    layers = [*rows, (head[0], head[1])]
    for index, (source, module) in enumerate(layers):
        module.i, module.f = index, source
        module.type = f"{type(module).__module__}.{type(module).__qualname__}"
    model.model = nn.Sequential(*(module for _, module in layers))
    model.save = []
    model.nc = NC
    model.names = {i: f"class {i}" for i in range(NC)}
    model.stride = torch.tensor(STRIDES)
    model.model[-1].stride = torch.tensor(STRIDES)
    return model.eval()


def _paths(block, deep) -> list:
    """Stride 16 (module 5) up to 8 and down again; the head reads modules 8 and 11."""
    return [
        (-1, nn.Upsample(scale_factor=2, mode="nearest")),
        ([-1, 3], Concat(1)),
        (-1, block(48, 16)),
        (-1, Conv(16, 16, 3, 2)),
        ([-1, 5], Concat(1)),
        (-1, deep(48, 32)),
    ]


def v8_seg() -> nn.Module:
    back = [
        (-1, Conv(3, 8, 3, 2)),
        (-1, Conv(8, 8, 3, 2)),
        (-1, Conv(8, 16, 3, 2)),
        (-1, C2f(16, 16, 2, True)),
        (-1, Conv(16, 32, 3, 2)),
        (-1, SPPF(32, 32)),
    ]
    up = _paths(C2f, C2f)
    return _network(tasks.SegmentationModel, [*back, *up], ([8, 11], Segment(NC, (16, 32))))


def v11_pose() -> nn.Module:
    back = [
        (-1, Conv(3, 8, 3, 2)),
        (-1, Conv(8, 8, 3, 2)),
        (-1, Conv(8, 16, 3, 2)),
        (-1, C3k2(16, 16, 1, True)),
        (-1, Conv(16, 32, 3, 2)),
        (-1, C2PSA(32, 1)),
    ]
    up = _paths(C3k2, C3k2)
    return _network(tasks.PoseModel, [*back, *up], ([8, 11], Pose(NC, (16, 32), classes=depthwise)))


def v26() -> nn.Module:
    back = [
        (-1, Conv(3, 8, 3, 2)),
        (-1, Conv(8, 8, 3, 2)),
        (-1, Conv(8, 16, 3, 2)),
        (-1, C3k2(16, 16, 1, False, 0.25)),
        (-1, Conv(16, 32, 3, 2)),
        (-1, SPPF(32, 32, 5, 2, True)),
    ]
    up = _paths(C3k2, lambda c1, c2: C3k2(c1, c2, 1, True, 0.5, True))
    return _network(tasks.DetectionModel, [*back, *up], ([8, 11], Detect(NC, (16, 32), 1, depthwise, True)))


NEWER = {"v8-seg": v8_seg, "11-pose": v11_pose, "26": v26}


def set_head(model: nn.Module, features: list[torch.Tensor]) -> None:
    """Last convolutions of unit scale; distances around two cells where there are no bins; bins as they are."""
    head = model.model[-1]
    if head.reg_max > 1:
        head.dfl.reset()
    for name, branch in head.named_children():
        if not isinstance(branch, nn.ModuleList):
            continue
        for part, x in zip(branch, features):
            last = part[-1]
            last.bias.data.zero_()
            last.weight.data /= max(part(x).std().item(), 1e-3)
            last.bias.data.fill_(2.0 if head.reg_max == 1 and name.endswith("cv2") else 0.0)
