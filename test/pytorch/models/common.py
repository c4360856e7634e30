"""Building blocks of YOLOv5, defined anew from their papers and from the structure of published checkpoints.

Only the names are given by the file format: class paths (`models.common.C3`) and the attributes under which submodules
are registered (`cv1`, `m`, `act` …). A module pickled from here therefore looks to a reader exactly like one from a real
checkpoint, and a real checkpoint unpickles into these classes, which is how the definitions are checked
(`python3 -m twin.validate`).
"""

from __future__ import annotations

import math

import torch
from torch import nn

BN_EPS = 1e-3
BN_MOMENTUM = 0.03


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


def same_padding(kernel, dilation: int = 1):
    """Padding that keeps the size at stride 1 (odd kernels)."""
    if isinstance(kernel, (tuple, list)):
        return tuple(same_padding(k, dilation) for k in kernel)
    return (dilation * (kernel - 1) + 1) // 2


class Conv(nn.Module):
    """Convolution without bias, batch normalisation, activation. A fused one has a bias and no `bn`."""

    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, d=1, act=True):
        super().__init__()
        padding = same_padding(k, d) if p is None else p
        self.conv = nn.Conv2d(c1, c2, k, s, padding, dilation=d, groups=g, bias=False)
        self.bn = batch_norm(c2)
        self.act = nn.SiLU(inplace=True) if act is True else act if isinstance(act, nn.Module) else nn.Identity()

    def forward(self, x):
        x = self.conv(x)
        if "bn" in self._modules:
            x = self.bn(x)
        return self.act(x)


class DWConv(Conv):
    """As many groups as both channel counts allow."""

    def __init__(self, c1, c2, k=1, s=1, d=1, act=True):
        super().__init__(c1, c2, k, s, g=math.gcd(c1, c2), d=d, act=act)


class DWConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with as many groups as both channel counts allow; no normalisation."""

    def __init__(self, c1, c2, k=1, s=1, p1=0, p2=0):
        super().__init__(c1, c2, k, s, p1, p2, groups=math.gcd(c1, c2))


class Focus(nn.Module):
    """Space to depth in front of a Conv; the four slices in the order (row, column) = 00, 10, 01, 11."""

    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, act=True):
        super().__init__()
        self.conv = Conv(4 * c1, c2, k, s, p, g, act=act)

    def forward(self, x):
        slices = [x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.conv(torch.cat(slices, dim=1))


class Contract(nn.Module):
    """Space to depth: [N, C, H, W] to [N, C g², H/g, W/g], slices in row-major order."""

    def __init__(self, gain=2):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        g = self.gain
        return torch.cat([x[:, :, row::g, column::g] for row in range(g) for column in range(g)], dim=1)


class Expand(nn.Module):
    """Depth to space, the inverse of `Contract`."""

    def __init__(self, gain=2):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        g = self.gain
        n, c, h, w = x.shape
        out = x.new_empty(n, c // g**2, h * g, w * g)
        for index, part in enumerate(x.chunk(g * g, dim=1)):
            out[:, :, index // g :: g, index % g :: g] = part
        return out


class Bottleneck(nn.Module):
    """1×1 then 3×3 convolution (ResNet's bottleneck without the expansion), added to the input where shapes agree."""

    def __init__(self, c1, c2, shortcut=True, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = Conv(hidden, c2, 3, g=g)
        self.add = bool(shortcut) and c1 == c2

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class CrossConv(nn.Module):
    """A k×k convolution factored into 1×k and k×1."""

    def __init__(self, c1, c2, k=3, s=1, g=1, e=1.0, shortcut=False):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, (1, k), (1, s))
        self.cv2 = Conv(hidden, c2, (k, 1), (s, 1), g=g)
        self.add = bool(shortcut) and c1 == c2

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class BottleneckCSP(nn.Module):
    """Cross-stage partial block (CSPNet, arXiv:1911.11929) as in YOLOv5 v1–v3: plain convolutions beside `m`."""

    def __init__(self, c1, c2, n=1, shortcut=True, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = nn.Conv2d(c1, hidden, 1, bias=False)
        self.cv3 = nn.Conv2d(hidden, hidden, 1, bias=False)
        self.cv4 = Conv(2 * hidden, c2, 1)
        self.bn = batch_norm(2 * hidden)
        self.act = nn.LeakyReLU(0.1, inplace=True)
        self.m = nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, g, e=1.0) for _ in range(n)))

    def forward(self, x):
        deep = self.cv3(self.m(self.cv1(x)))
        return self.cv4(self.act(self.bn(torch.cat((deep, self.cv2(x)), dim=1))))


class C3(nn.Module):
    """Cross-stage partial block with three convolutions: cv3 of (m(cv1 x), cv2 x)."""

    def __init__(self, c1, c2, n=1, shortcut=True, g=1, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = Conv(c1, hidden, 1)
        self.cv3 = Conv(2 * hidden, c2, 1)
        self.m = self.inner(hidden, n, shortcut, g)

    def inner(self, hidden, n, shortcut, g):
        return nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, g, e=1.0) for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), dim=1))


class C3x(C3):
    """C3 around CrossConv."""

    def inner(self, hidden, n, shortcut, g):
        return nn.Sequential(*(CrossConv(hidden, hidden, 3, 1, g, 1.0, shortcut) for _ in range(n)))


class C3TR(C3):
    """C3 around a transformer block with four heads."""

    def inner(self, hidden, n, shortcut, g):
        return TransformerBlock(hidden, hidden, 4, n)


class C3Ghost(C3):
    """C3 around ghost bottlenecks."""

    def inner(self, hidden, n, shortcut, g):
        return nn.Sequential(*(GhostBottleneck(hidden, hidden) for _ in range(n)))


class C3SPP(C3):
    """C3 around spatial pyramid pooling."""

    def __init__(self, c1, c2, k=(5, 9, 13), n=1, shortcut=True, g=1, e=0.5):
        super().__init__(c1, c2, n, shortcut, g, e)
        hidden = int(c2 * e)
        self.m = SPP(hidden, hidden, k)


class SPP(nn.Module):
    """Spatial pyramid pooling (arXiv:1406.4729): the input beside its max pools of several sizes, all at stride 1."""

    def __init__(self, c1, c2, k=(5, 9, 13)):
        super().__init__()
        hidden = c1 // 2
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = Conv(hidden * (len(k) + 1), c2, 1)
        self.m = nn.ModuleList([nn.MaxPool2d(size, stride=1, padding=size // 2) for size in k])

    def forward(self, x):
        x = self.cv1(x)
        return self.cv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1))


class SPPF(nn.Module):
    """SPP with one pool applied three times: pools of 5, 9 and 13 come out of a chain of fives."""

    def __init__(self, c1, c2, k=5):
        super().__init__()
        hidden = c1 // 2
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = Conv(4 * hidden, c2, 1)
        self.m = nn.MaxPool2d(k, stride=1, padding=k // 2)

    def forward(self, x):
        parts = [self.cv1(x)]
        while len(parts) < 4:
            parts.append(self.m(parts[-1]))
        return self.cv2(torch.cat(parts, dim=1))


class GhostConv(nn.Module):
    """GhostNet (arXiv:1911.11907): half of the maps by convolution, the other half by a cheap depthwise 5×5 of them."""

    def __init__(self, c1, c2, k=1, s=1, g=1, act=True):
        super().__init__()
        half = c2 // 2
        self.cv1 = Conv(c1, half, k, s, g=g, act=act)
        self.cv2 = Conv(half, half, 5, 1, g=half, act=act)

    def forward(self, x):
        primary = self.cv1(x)
        return torch.cat((primary, self.cv2(primary)), dim=1)


class GhostBottleneck(nn.Module):
    """Two ghost convolutions, with a depthwise one between them at stride 2; the second has no activation."""

    def __init__(self, c1, c2, k=3, s=1):
        super().__init__()
        hidden = c2 // 2
        strided = s == 2
        self.conv = nn.Sequential(
            GhostConv(c1, hidden, 1, 1),
            DWConv(hidden, hidden, k, s, act=False) if strided else nn.Identity(),
            GhostConv(hidden, c2, 1, 1, act=False),
        )
        self.shortcut = (
            nn.Sequential(DWConv(c1, c1, k, s, act=False), Conv(c1, c2, 1, 1, act=False)) if strided else nn.Identity()
        )

    def forward(self, x):
        return self.conv(x) + self.shortcut(x)


class TransformerLayer(nn.Module):
    """Self-attention and a two-layer perceptron, each with a residual, without layer norm and without activation."""

    def __init__(self, c, num_heads):
        super().__init__()
        self.q = nn.Linear(c, c, bias=False)
        self.k = nn.Linear(c, c, bias=False)
        self.v = nn.Linear(c, c, bias=False)
        self.ma = nn.MultiheadAttention(embed_dim=c, num_heads=num_heads)
        self.fc1 = nn.Linear(c, c, bias=False)
        self.fc2 = nn.Linear(c, c, bias=False)

    def forward(self, x):
        attended, _ = self.ma(self.q(x), self.k(x), self.v(x))
        x = x + attended
        return x + self.fc2(self.fc1(x))


class TransformerBlock(nn.Module):
    """Pixels as a sequence, with a learned linear position term (arXiv:2010.11929 without patches)."""

    def __init__(self, c1, c2, num_heads, num_layers):
        super().__init__()
        self.conv = Conv(c1, c2) if c1 != c2 else None
        self.linear = nn.Linear(c2, c2)
        self.tr = nn.Sequential(*(TransformerLayer(c2, num_heads) for _ in range(num_layers)))
        self.c2 = c2

    def forward(self, x):
        if self.conv is not None:
            x = self.conv(x)
        n, c, h, w = x.shape
        sequence = x.reshape(n, c, h * w).permute(2, 0, 1)
        out = self.tr(sequence + self.linear(sequence))
        return out.permute(1, 2, 0).reshape(n, c, h, w)


class Concat(nn.Module):
    def __init__(self, dimension=1):
        super().__init__()
        self.d = dimension

    def forward(self, x):
        return torch.cat(x, self.d)


class Proto(nn.Module):
    """Mask prototypes at twice the resolution of the finest level (YOLACT, arXiv:1904.02689)."""

    def __init__(self, c1, c_=256, c2=32):
        super().__init__()
        self.cv1 = Conv(c1, c_, 3)
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.cv2 = Conv(c_, c_, 3)
        self.cv3 = Conv(c_, c2, 1)

    def forward(self, x):
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))


class Classify(nn.Module):
    """1×1 convolution to 1280 channels, global average, linear layer: logits [N, classes]."""

    def __init__(self, c1, c2, k=1, s=1, p=None, g=1, width=1280):
        super().__init__()
        self.conv = Conv(c1, width, k, s, p, g)
        self.conv.bn.eps = 1e-5  # classification heads keep PyTorch's own eps
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(p=0.0, inplace=True)
        self.linear = nn.Linear(width, c2)

    def forward(self, x):
        return self.linear(self.drop(self.pool(self.conv(x)).flatten(1)))
