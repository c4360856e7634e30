"""Convolution blocks of the newer package, under the class paths that its checkpoints pickle."""

from __future__ import annotations

import math

from models import common


class Conv(common.Conv):
    """Convolution without bias, batch normalisation, activation."""


class DWConv(Conv):
    """As many groups as both channel counts allow."""

    def __init__(self, c1, c2, k=1, s=1, act=True):
        super().__init__(c1, c2, k, s, g=math.gcd(c1, c2), act=act)


class Concat(common.Concat):
    pass
