"""Blocks of v8, 11 and 26, defined anew from their papers and from the structure of pickled module trees."""

from __future__ import annotations

import torch
from torch import nn

from ultralytics.nn.modules.conv import Conv


class Bottleneck(nn.Module):
    """Two 3×3 convolutions, added to the input where shapes agree."""

    def __init__(self, c1, c2, shortcut=True, e=0.5):
        super().__init__()
        hidden = int(c2 * e)
        self.cv1 = Conv(c1, hidden, 3)
        self.cv2 = Conv(hidden, c2, 3)
        self.add = bool(shortcut) and c1 == c2

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3k(nn.Module):
    """Cross-stage partial block with three convolutions around bottlenecks of 3×3 ones."""

    def __init__(self, c1, c2, n=2, shortcut=True):
        super().__init__()
        hidden = c2 // 2
        self.cv1 = Conv(c1, hidden, 1)
        self.cv2 = Conv(c1, hidden, 1)
        self.cv3 = Conv(2 * hidden, c2, 1)
        self.m = nn.Sequential(*(Bottleneck(hidden, hidden, shortcut, e=1.0) for _ in range(n)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), dim=1))


class C2f(nn.Module):
    """Splits cv1's channels; the second half goes through the blocks of `m` in turn, and cv2 sees every step."""

    def __init__(self, c1, c2, n=1, shortcut=False, e=0.5):
        super().__init__()
        self.c = int(c2 * e)
        self.cv1 = Conv(c1, 2 * self.c, 1)
        self.cv2 = Conv((2 + n) * self.c, c2, 1)
        self.m = nn.ModuleList([self.inner(shortcut) for _ in range(n)])

    def inner(self, shortcut):
        return Bottleneck(self.c, self.c, shortcut, e=1.0)

    def forward(self, x):
        parts = list(self.cv1(x).split(self.c, dim=1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return self.cv2(torch.cat(parts, dim=1))


class C3k2(C2f):
    """C2f around bottlenecks, C3k blocks, or a bottleneck and an attention block."""

    def __init__(self, c1, c2, n=1, nested=False, e=0.5, attention=False, shortcut=True):
        super().__init__(c1, c2, n, shortcut, e)
        if attention:
            make = lambda: nn.Sequential(self.inner(shortcut), PSABlock(self.c, max(self.c // 8, 1)))  # noqa: E731
        elif nested:
            make = lambda: C3k(self.c, self.c, 2, shortcut)  # noqa: E731
        else:
            make = lambda: self.inner(shortcut)  # noqa: E731
        self.m = nn.ModuleList([make() for _ in range(n)])

    def inner(self, shortcut):
        return Bottleneck(self.c, self.c, shortcut)


class Attention(nn.Module):
    """Multi-head attention over pixels; queries and keys are half as wide as values; a depthwise convolution for places."""

    def __init__(self, c, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = c // num_heads
        self.key_dim = self.head_dim // 2
        self.scale = self.key_dim**-0.5
        self.qkv = Conv(c, c + 2 * self.key_dim * num_heads, 1, act=False)
        self.proj = Conv(c, c, 1, act=False)
        self.pe = Conv(c, c, 3, 1, g=c, act=False)

    def forward(self, x):
        n, c, h, w = x.shape
        packed = self.qkv(x).view(n, self.num_heads, 2 * self.key_dim + self.head_dim, h * w)
        q, k, v = packed.split((self.key_dim, self.key_dim, self.head_dim), dim=2)
        weights = (q.transpose(2, 3) @ k * self.scale).softmax(dim=-1)
        attended = (v @ weights.transpose(2, 3)).reshape(n, c, h, w)
        return self.proj(attended + self.pe(v.reshape(n, c, h, w)))


class PSABlock(nn.Module):
    """Attention and a two-layer perceptron, each with a residual."""

    def __init__(self, c, num_heads=4, shortcut=True):
        super().__init__()
        self.attn = Attention(c, num_heads)
        self.ffn = nn.Sequential(Conv(c, 2 * c, 1), Conv(2 * c, c, 1, act=False))
        self.add = shortcut

    def forward(self, x):
        x = x + self.attn(x) if self.add else self.attn(x)
        return x + self.ffn(x) if self.add else self.ffn(x)


class C2PSA(nn.Module):
    """Attention blocks on one half of the channels."""

    def __init__(self, c1, n=1, num_heads=2):
        super().__init__()
        self.c = c1 // 2
        self.cv1 = Conv(c1, 2 * self.c, 1)
        self.cv2 = Conv(2 * self.c, c1, 1)
        self.m = nn.Sequential(*(PSABlock(self.c, num_heads) for _ in range(n)))

    def forward(self, x):
        a, b = self.cv1(x).split(self.c, dim=1)
        return self.cv2(torch.cat((a, self.m(b)), dim=1))


class SPPF(nn.Module):
    """One pool applied `n` times, without an activation before it; optionally added to the input."""

    def __init__(self, c1, c2, k=5, n=3, shortcut=False):
        super().__init__()
        hidden = c1 // 2
        self.cv1 = Conv(c1, hidden, 1, act=False)
        self.cv2 = Conv((n + 1) * hidden, c2, 1)
        self.m = nn.MaxPool2d(k, stride=1, padding=k // 2)
        self.n = n
        self.add = shortcut and c1 == c2

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(self.n):
            parts.append(self.m(parts[-1]))
        y = self.cv2(torch.cat(parts, dim=1))
        return x + y if self.add else y


class DFL(nn.Module):
    """The mean of the distribution over a distance's bins (Generalized Focal Loss, arXiv:2006.04388)."""

    def __init__(self, bins=16):
        super().__init__()
        self.conv = nn.Conv2d(bins, 1, 1, bias=False)
        self.c1 = bins
        self.reset()

    def reset(self):
        self.conv.weight.data.copy_(torch.arange(self.c1, dtype=torch.float32).view(1, -1, 1, 1))

    def forward(self, x):
        n, _, cells = x.shape
        return self.conv(x.view(n, 4, self.c1, cells).transpose(1, 2).softmax(dim=1)).view(n, 4, cells)


class Proto(nn.Module):
    """Mask prototypes at twice the resolution of the finest level (YOLACT, arXiv:1904.02689)."""

    def __init__(self, c1, hidden=256, c2=32):
        super().__init__()
        self.cv1 = Conv(c1, hidden, 3)
        self.upsample = nn.ConvTranspose2d(hidden, hidden, 2, 2)
        self.cv2 = Conv(hidden, hidden, 3)
        self.cv3 = Conv(hidden, c2, 1)

    def forward(self, x):
        return self.cv3(self.cv2(self.upsample(self.cv1(x))))
