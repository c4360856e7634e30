"""Heads without anchors: every cell predicts distances to the sides of its box, classes, and what else a task needs."""

from __future__ import annotations

import copy

import torch
from torch import nn

from ultralytics.nn.modules.block import DFL, Proto
from ultralytics.nn.modules.conv import Conv, DWConv

MOST = 300
"""Boxes of an end-to-end head."""


def plain(c1, hidden, outputs):
    return nn.Sequential(Conv(c1, hidden, 3), Conv(hidden, hidden, 3), nn.Conv2d(hidden, outputs, 1))


def depthwise(c1, hidden, outputs):
    first = nn.Sequential(DWConv(c1, c1, 3), Conv(c1, hidden, 1))
    second = nn.Sequential(DWConv(hidden, hidden, 3), Conv(hidden, hidden, 1))
    return nn.Sequential(first, second, nn.Conv2d(hidden, outputs, 1))


class Detect(nn.Module):
    """[N, 4 + nc + extras, cells]: centre and size in input pixels, classes after the sigmoid, the rest.

    With a second set of branches (`one2one_`): [N, boxes, 6 + extras], the best pairs of cell and class.
    """

    def __init__(self, nc, ch, reg_max=4, classes=plain, end2end=False, extras=0):
        super().__init__()
        self.nc, self.nl, self.reg_max, self.extras = nc, len(ch), reg_max, extras
        self.no = nc + 4 * reg_max
        self.stride = torch.zeros(self.nl)
        hidden = max(16, ch[0] // 4, 4 * reg_max)
        self.cv2 = nn.ModuleList([plain(c, hidden, 4 * reg_max) for c in ch])
        self.cv3 = nn.ModuleList([classes(c, max(ch[0], nc), nc) for c in ch])
        self.dfl = DFL(reg_max) if reg_max > 1 else nn.Identity()
        if extras:
            self.cv4 = nn.ModuleList([plain(c, max(ch[0] // 4, extras), extras) for c in ch])
        if end2end:
            self.one2one_cv2 = copy.deepcopy(self.cv2)
            self.one2one_cv3 = copy.deepcopy(self.cv3)

    @property
    def end2end(self):
        return hasattr(self, "one2one_cv2")

    def parts(self, features):
        """Distances, classes and the rest of all cells, their centres in cells, and strides."""
        branches = [self.one2one_cv2, self.one2one_cv3] if self.end2end else [self.cv2, self.cv3]
        if self.extras:
            branches.append(self.cv4)
        found = [torch.cat([b(x).flatten(2) for b, x in zip(branch, features)], dim=2) for branch in branches]
        centres, strides = [], []
        for x, stride in zip(features, self.stride):
            h, w = x.shape[2:]
            rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
            centres.append(torch.stack((columns, rows)).flatten(1) + 0.5)
            strides.append(torch.full((h * w,), float(stride)))
        return found, torch.cat(centres, dim=1).to(found[0].dtype), torch.cat(strides).to(found[0].dtype)

    def further(self, values, centres, strides):
        return values

    def rows(self, features):
        found, centres, strides = self.parts(features)
        distances = self.dfl(found[0])
        near, far = centres - distances[:, :2], centres + distances[:, 2:]
        box = (near, far) if self.end2end else ((near + far) / 2, far - near)
        parts = [torch.cat(box, dim=1) * strides, found[1].sigmoid()]
        if self.extras:
            parts.append(self.further(found[2], centres, strides))
        return torch.cat(parts, dim=1)

    def picked(self, rows):
        """The cells of the best scores, of those the best pairs of cell and class."""
        rows = rows.transpose(1, 2)
        most = min(MOST, rows.shape[1])
        classes = rows[..., 4 : 4 + self.nc]
        cells = classes.amax(dim=2).topk(most).indices
        rows = rows.gather(1, cells[..., None].expand(-1, -1, rows.shape[2]))
        scores, pairs = rows[..., 4 : 4 + self.nc].flatten(1).topk(most)
        own = rows.gather(1, (pairs // self.nc)[..., None].expand(-1, -1, rows.shape[2]))
        return torch.cat((own[..., :4], scores[..., None], (pairs % self.nc)[..., None].to(scores.dtype)), dim=2)

    def forward(self, features):
        rows = self.rows(features)
        return (self.picked(rows) if self.end2end else rows,)


class Segment(Detect):
    """With mask coefficients, and prototypes from the finest level."""

    def __init__(self, nc, ch, nm=8, npr=16, **options):
        super().__init__(nc, ch, extras=nm, **options)
        self.nm, self.npr = nm, npr
        self.proto = Proto(ch[0], npr, nm)

    def forward(self, features):
        return (*super().forward(features), self.proto(features[0]))


class Pose(Detect):
    """With keypoints: places relative to the cell's corner, and how visible they are."""

    def __init__(self, nc, ch, kpt_shape=(5, 3), **options):
        super().__init__(nc, ch, extras=kpt_shape[0] * kpt_shape[1], **options)
        self.kpt_shape = list(kpt_shape)

    def further(self, values, centres, strides):
        n, _, cells = values.shape
        points = values.view(n, *self.kpt_shape, cells)
        places = (points[:, :, :2] * 2 + (centres - 0.5)) * strides
        return torch.cat((places, points[:, :, 2:].sigmoid()), dim=2).view(n, -1, cells)
