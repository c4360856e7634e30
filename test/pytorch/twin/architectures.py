"""Small networks of every architecture the engine knows, as descriptions for `twin.build`.

Layouts are those of published models and checkpoints; widths are the least possible (8 channels at the stem),
depths mostly too.
"""

from __future__ import annotations

from dataclasses import dataclass

ANCHORS = [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]
ANCHORS_P6 = [[5, 7, 11, 10, 10, 24], [24, 17, 22, 38, 45, 34], [35, 75, 76, 66, 60, 136], [109, 154, 185, 95, 231, 198]]
ANCHORS_TINY = [[10, 14, 23, 27, 37, 58], [81, 82, 135, 169, 344, 319]]
SEGMENT = [[17, 20, 23], 1, "Segment", ["nc", "anchors", 32, 256]]


@dataclass(frozen=True)
class Architecture:
    """`kind`: class under which the model is pickled; `modern`: head of v6 on (lists), else of v3–v5 (buffers)."""

    description: dict
    kind: str = "DetectionModel"
    modern: bool = True


def upsample(scale: int = 2) -> list:
    return [-1, 1, "nn.Upsample", ["None", scale, "nearest"]]


def concat(*sources: int) -> list:
    return [[-1, *sources], 1, "Concat", [1]]


def conv(channels: int, kernel: int = 1, stride: int = 1, block: str = "Conv", source: int = -1) -> list:
    return [source, 1, block, [channels, kernel, stride]]


def backbone(block: str = "C3", down: str = "Conv", stem: list | None = None, last: str | None = None) -> list:
    """v6's backbone: five halvings, stages of 3, 6, 9 and 3 blocks, SPPF."""
    rows = [stem or [-1, 1, "Conv", [64, 6, 2, 2]]]
    for channels, repeats in ((128, 3), (256, 6), (512, 9), (1024, 3)):
        rows.append(conv(channels, 3, 2, down))
        rows.append([-1, repeats, last if last and channels == 1024 else block, [channels]])
    return [*rows, [-1, 1, "SPPF", [1024, 5]]]


def old_backbone(block: str) -> list:
    """The backbone of v3–v5: Focus, and SPP before the last stage."""
    rows: list = [[-1, 1, "Focus", [64, 3]]]
    for channels, repeats in ((128, 3), (256, 9), (512, 9)):
        rows += [conv(channels, 3, 2), [-1, repeats, block, [channels]]]
    return [*rows, conv(1024, 3, 2), [-1, 1, "SPP", [1024, [5, 9, 13]]], [-1, 3, block, [1024, False]]]


def stage(channels: int, block: str = "C3", repeats: int = 3) -> list:
    return [-1, repeats, block, [channels, False]]


def pan(
    block: str = "C3", down: str = "Conv", up: list | None = None, extra: int | None = None, head: list | None = None
) -> list:
    """Path aggregation over P3–P5 (modules 10 to 24); `extra`: one more input where the upward path meets P4."""
    up = up or [upsample(), upsample()]
    return [
        conv(512, 1, 1, down),
        up[0],
        concat(6),
        stage(512, block),
        conv(256, 1, 1, down),
        up[1],
        concat(4),
        stage(256, block),
        conv(256, 3, 2, down),
        concat(14) if extra is None else concat(14, extra),
        stage(512, block),
        conv(512, 3, 2, down),
        concat(10),
        stage(1024, block),
        head or [[17, 20, 23], 1, "Detect", ["nc", "anchors"]],
    ]


def detect(*sources: int) -> list:
    return [list(sources), 1, "Detect", ["nc", "anchors"]]


def describe(back: list, head: list, anchors: object = None, **more: object) -> dict:
    return {
        "nc": 3,
        "depth_multiple": 0.1,
        "width_multiple": 0.0625,
        "anchors": ANCHORS if anchors is None else anchors,
        "backbone": back,
        "head": head,
        **more,
    }


def p6() -> dict:
    back = [
        *backbone()[:7],
        conv(768, 3, 2),
        [-1, 3, "C3", [768]],
        conv(1024, 3, 2),
        [-1, 3, "C3", [1024]],
        [-1, 1, "SPPF", [1024, 5]],
    ]
    head: list = []
    for channels, skip in ((768, 8), (512, 6), (256, 4)):
        head += [conv(channels), upsample(), concat(skip), stage(channels)]
    for channels, skip, out in ((256, 20, 512), (512, 16, 768), (768, 12, 1024)):
        head += [conv(channels, 3, 2), concat(skip), stage(out)]
    return describe(back, [*head, detect(23, 26, 29, 32)], ANCHORS_P6)


def p2() -> dict:
    head: list = []
    for channels, skip, repeats in ((512, 6, 3), (256, 4, 3), (128, 2, 1)):
        head += [conv(channels), upsample(), concat(skip), stage(channels, repeats=repeats)]
    for channels, skip, out in ((128, 18, 256), (256, 14, 512), (512, 10, 1024)):
        head += [conv(channels, 3, 2), concat(skip), stage(out)]
    return describe(backbone(), [*head, detect(21, 24, 27, 30)], [[5, 6, 8, 14, 15, 11], *ANCHORS])


def p34(**more: object) -> dict:
    return describe(backbone(), [*pan()[:11], detect(17, 20)], [[10, 13, 16, 30], [33, 23, 30, 61]], **more)


def fpn() -> dict:
    head: list = [stage(1024)]
    for channels, skip in ((512, 6), (256, 4)):
        head += [upsample(), concat(skip), conv(channels), stage(channels)]
    return describe(backbone(), [*head, detect(18, 14, 10)])


def c3x() -> dict:
    up = [[-1, 1, "DWConvTranspose2d", [channels, 4, 2, 1]] for channels in (512, 256)]
    back = backbone("C3x", stem=conv(64, 3, 2))
    back[7] = conv(1024, 5, 2, "DWConv")
    head = pan("C3x", up=up)
    head[11] = conv(512, 5, 2, "DWConv")
    return describe(back, head)


def darknet53() -> list:
    rows: list = [conv(32, 3, 1)]
    for channels, repeats in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        rows += [conv(channels, 3, 2), [-1, repeats, "Bottleneck", [channels]]]
    return rows


def v3(pooled: bool) -> dict:
    head: list = [
        [-1, 1, "Bottleneck", [1024, False]],
        [-1, 1, "SPP", [512, [5, 9, 13]]] if pooled else conv(512),
        conv(1024, 3, 1),
        conv(512),
        conv(1024, 3, 1),
    ]
    for channels, skip in ((256, 8), (128, 6)):
        wide = 2 * channels
        head += [conv(channels, source=-2), upsample(), concat(skip), [-1, 1, "Bottleneck", [wide, False]]]
        if channels == 256:
            head += [[-1, 1, "Bottleneck", [wide, False]], conv(channels), conv(wide, 3, 1)]
        else:
            head += [[-1, 2, "Bottleneck", [wide, False]]]
    return describe(darknet53(), [*head, detect(27, 22, 15)])


def v3_tiny() -> dict:
    back: list = []
    for channels in (16, 32, 64, 128, 256):
        back += [conv(channels, 3, 1), [-1, 1, "nn.MaxPool2d", [2, 2, 0]]]
    back += [conv(512, 3, 1), [-1, 1, "nn.ZeroPad2d", [[0, 1, 0, 1]]], [-1, 1, "nn.MaxPool2d", [2, 1, 0]]]
    head = [conv(1024, 3, 1), conv(256), conv(512, 3, 1), conv(128, source=-2), upsample(), concat(8), conv(256, 3, 1)]
    return describe(back, [*head, detect(19, 15)], ANCHORS_TINY)


def assorted() -> dict:
    """The blocks that no published layout uses but descriptions may name."""
    back = [
        conv(64, 3, 2),
        [-1, 1, "Contract", [2]],
        conv(64, 1, 1, "GhostConv"),
        [-1, 1, "GhostBottleneck", [128, 3, 2]],
        [-1, 1, "CrossConv", [128, 3, 2, 2, 1.0, False]],
        [-1, 2, "CrossConv", [128, 3, 1, 1, 1.0, True]],
        [[-1, 4], 1, "Sum", [2]],
        [[-1, 5, 4], 1, "Sum", [3, True]],
        conv(256, 3, 2),
        [-1, 1, "C3SPP", [256, [3, 5]]],
        [-1, 2, "C3TR", [512]],
    ]
    head = [
        [-1, 1, "nn.ConvTranspose2d", [256, 3, 2, 1, 1]],
        concat(7),
        [-1, 3, "BottleneckCSP", [256, False]],
        [-1, 1, "Bottleneck", [256, False, 2]],
        [-1, 1, "Expand", [2]],
        conv(64, 3, 2),
        conv(256, 3, 2),
        detect(16, 17),
    ]
    return describe(back, head, ANCHORS_TINY)


ARCHITECTURES: dict[str, Architecture] = {
    "v6": Architecture(describe(backbone(), pan(), depth_multiple=0.33)),
    "v6.1-model": Architecture(describe(backbone(), pan()), "Model"),
    "p6": Architecture(p6()),
    "p2": Architecture(p2()),
    "p34": Architecture(p34()),
    "fpn": Architecture(fpn()),
    "bifpn": Architecture(describe(backbone(), pan(extra=6))),
    "ghost": Architecture(describe(backbone("C3Ghost", "GhostConv"), pan("C3Ghost", "GhostConv"))),
    "transformer": Architecture(describe(backbone(last="C3TR"), pan())),
    "focus-spp": Architecture(describe(old_backbone("C3"), pan(), depth_multiple=0.33), "Model", modern=False),
    "csp": Architecture(
        describe(old_backbone("BottleneckCSP"), pan("BottleneckCSP"), activation="nn.Hardswish()"), "Model", modern=False
    ),
    "leaky": Architecture(p34(activation="nn.LeakyReLU(0.1)")),
    "relu": Architecture(p34(activation="nn.ReLU()")),
    "relu6": Architecture(p34(activation="nn.ReLU6()")),
    "hardswish": Architecture(p34(activation="nn.Hardswish()")),
    "mish": Architecture(p34(activation="nn.Mish()")),
    "gelu": Architecture(p34(activation="nn.GELU()")),
    "v3": Architecture(v3(pooled=False)),
    "v3-spp": Architecture(v3(pooled=True)),
    "v3-tiny": Architecture(v3_tiny()),
    "c3x": Architecture(c3x()),
    "seg": Architecture(describe(backbone(), pan(head=SEGMENT)), "SegmentationModel"),
    "cls": Architecture(describe(backbone(), []), "ClassificationModel"),
    "assorted": Architecture(assorted()),
}
