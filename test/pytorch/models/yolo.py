"""Heads and whole models of YOLOv5 under the class paths of `models.yolo`."""

from __future__ import annotations

import torch
from torch import nn

from models.common import Proto


class Detect(nn.Module):
    """Anchor-based head: one 1×1 convolution per level, then decoding to boxes in input pixels.

    `anchors` holds width and height per level and anchor in units of the level's stride. `modern` heads (v6 on) keep
    lists `grid` and `anchor_grid`; older ones a buffer `anchor_grid` [nl, 1, na, 1, 1, 2] in pixels.
    """

    def __init__(self, nc=80, anchors=(), ch=(), inplace=True, modern=True):
        super().__init__()
        self.nc = nc
        self.no = nc + 5
        self.nl = len(anchors)
        self.na = len(anchors[0]) // 2
        pixels = torch.tensor(anchors, dtype=torch.float32).view(self.nl, self.na, 2)
        self.grid = [torch.zeros(1) for _ in range(self.nl)]
        if modern:
            self.anchor_grid = [torch.zeros(1) for _ in range(self.nl)]
        self.register_buffer("anchors", pixels)
        if not modern:
            self.register_buffer("anchor_grid", pixels.clone().view(self.nl, 1, self.na, 1, 1, 2))
        self.m = nn.ModuleList([nn.Conv2d(c, self.no * self.na, 1) for c in ch])
        if modern:
            self.inplace = inplace

    def raw(self, features):
        """Per level [N, na, H, W, no], before the sigmoid."""
        heads = []
        for conv, x in zip(self.m, features):
            y = conv(x)
            n, _, h, w = y.shape
            heads.append(y.view(n, self.na, self.no, h, w).permute(0, 1, 3, 4, 2).contiguous())
        return heads

    def decode(self, heads):
        """[N, boxes, no]: centre, size in input pixels; sigmoid on objectness and classes."""
        rows = []
        for level, y in enumerate(heads):
            n, _, h, w, _ = y.shape
            stride = self.stride[level].to(y.dtype)
            column = torch.arange(w, dtype=y.dtype).view(1, 1, 1, w).expand(1, 1, h, w)
            row = torch.arange(h, dtype=y.dtype).view(1, 1, h, 1).expand(1, 1, h, w)
            corner = torch.stack((column, row), dim=-1) - 0.5
            anchor = (self.anchors[level].to(y.dtype) * stride).view(1, self.na, 1, 1, 2)
            box = y[..., :4].sigmoid() * 2
            scores = y[..., 4 : 5 + self.nc].sigmoid()
            parts = [(box[..., :2] + corner) * stride, box[..., 2:] ** 2 * anchor, scores, y[..., 5 + self.nc :]]
            rows.append(torch.cat(parts, dim=-1).view(n, -1, self.no))
        return torch.cat(rows, dim=1)

    def forward(self, features):
        heads = self.raw(features)
        return self.decode(heads), heads


class Segment(Detect):
    """Detect with `nm` mask coefficients per box (left as they are) and mask prototypes from the finest level."""

    def __init__(self, nc=80, anchors=(), nm=32, npr=256, ch=(), inplace=True):
        super().__init__(nc, anchors, ch, inplace)
        self.nm = nm
        self.npr = npr
        self.no = 5 + nc + nm
        self.m = nn.ModuleList([nn.Conv2d(c, self.no * self.na, 1) for c in ch])
        self.proto = Proto(ch[0], npr, nm)
        self.detect = Detect.forward

    def forward(self, features):
        prediction, heads = Detect.forward(self, features)
        return prediction, self.proto(features[0]), heads


class BaseModel(nn.Module):
    """`model`: modules in order; each has `f`, the index or indices of its inputs (-1: the one before), and `i`."""

    def forward(self, x, visit=None):
        outputs = []
        for module in self.model:
            if module.f == -1:
                given = x
            elif isinstance(module.f, int):
                given = outputs[module.f]
            else:
                given = [x if source == -1 else outputs[source] for source in module.f]
            x = module(given)
            outputs.append(x)
            if visit is not None:
                visit(module, given, x)
        return x


class DetectionModel(BaseModel):
    pass


class Model(DetectionModel):
    """The name of `DetectionModel` up to v6.1."""


class SegmentationModel(DetectionModel):
    pass


class ClassificationModel(BaseModel):
    pass
