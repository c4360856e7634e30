"""From a model description, as the `yaml` of a checkpoint holds it, to modules.

A row is [from, repeats, module name, arguments]. Output channels are scaled by `width_multiple` and rounded up to a
multiple of eight, repeats by `depth_multiple`. The names and the layout of the description are the file format's.
"""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

from models import common, experimental, yolo

BLOCKS = {
    name: getattr(common, name)
    for name in (
        "Bottleneck BottleneckCSP C3 C3Ghost C3SPP C3TR C3x Conv CrossConv DWConv DWConvTranspose2d Focus GhostBottleneck"
        " GhostConv SPP SPPF"
    ).split()
}
BLOCKS["nn.ConvTranspose2d"] = nn.ConvTranspose2d
"""Blocks whose arguments start with the output channels."""

REPEATS_INSIDE = {"BottleneckCSP", "C3", "C3Ghost", "C3TR", "C3x"}
"""Blocks that take the number of repeats as an argument; others are repeated in a Sequential."""

FUNCTIONS = {
    "nn.Upsample": nn.Upsample,
    "nn.MaxPool2d": nn.MaxPool2d,
    "nn.ZeroPad2d": nn.ZeroPad2d,
}
"""Modules that keep the number of channels."""

ACTIVATIONS = {
    "nn.SiLU()": nn.SiLU,
    "nn.LeakyReLU(0.1)": lambda: nn.LeakyReLU(0.1, inplace=True),
    "nn.ReLU()": lambda: nn.ReLU(inplace=True),
    "nn.ReLU6()": lambda: nn.ReLU6(inplace=True),
    "nn.Hardswish()": lambda: nn.Hardswish(inplace=True),
    "nn.Mish()": nn.Mish,
    "nn.GELU()": nn.GELU,
    "nn.ELU()": nn.ELU,
}


def scaled_channels(channels: int, width: float) -> int:
    return math.ceil(channels * width / 8) * 8


def class_path(module: nn.Module) -> str:
    return f"{type(module).__module__}.{type(module).__qualname__}"


def _arguments(args: list) -> list:
    return [None if a == "None" else a for a in args]


def _head(name, args, channels, sources, description, modern):
    nc, anchors = description["nc"], description["anchors"]
    if isinstance(anchors, int):
        anchors = [list(range(1, 2 * anchors + 1))] * len(sources)
    ch = [channels[s] for s in sources]
    if name == "Segment":
        nm, npr = args[2], scaled_channels(args[3], description["width_multiple"])
        return yolo.Segment(nc, anchors, nm, npr, ch)
    return yolo.Detect(nc, anchors, ch, modern=modern)


def _layer(name, repeats, args, sources, channels, description, modern):
    """The module of one row and its output channels."""
    c1 = channels[sources[0]]
    if name in BLOCKS:
        c2, rest = scaled_channels(args[0], description["width_multiple"]), args[1:]
        block = BLOCKS[name]
        if name in REPEATS_INSIDE:
            return block(c1, c2, repeats, *rest), c2
        copies = [block(c1 if index == 0 else c2, c2, *rest) for index in range(repeats)]
        return (copies[0] if repeats == 1 else nn.Sequential(*copies)), c2
    if name in FUNCTIONS:
        return FUNCTIONS[name](*args), c1
    if name == "nn.BatchNorm2d":
        return common.batch_norm(c1), c1
    if name == "Concat":
        return common.Concat(*args), sum(channels[s] for s in sources)
    if name == "Sum":
        return experimental.Sum(*args), c1
    if name == "Contract":
        return common.Contract(*args), c1 * args[0] ** 2
    if name == "Expand":
        return common.Expand(*args), c1 // args[0] ** 2
    if name in ("Detect", "Segment"):
        return _head(name, args, channels, sources, description, modern), 0
    raise ValueError(f"no module named {name}")


def build_layers(description: dict, modern: bool = True, head: bool = True) -> tuple[nn.Sequential, list[int], list[int]]:
    """Modules, the indices of those whose outputs are read again, and the output channels of each."""
    rows = description["backbone"] + (description["head"] if head else [])
    layers, save, channels = [], [], []
    for index, (source, number, name, args) in enumerate(rows):
        sources = source if isinstance(source, list) else [source]
        absolute = [index + s if s < 0 else s for s in sources]
        previous = [3, *channels]  # shifted by one: the input stands at index −1
        repeats = max(round(number * description["depth_multiple"]), 1) if number > 1 else number
        shifted = [s + 1 for s in absolute]
        module, c2 = _layer(name, repeats, _arguments(args), shifted, previous, description, modern)
        module.i, module.f = index, source
        module.type = class_path(module[0] if repeats > 1 and name not in REPEATS_INSIDE else module)
        module.np = sum(p.numel() for p in module.parameters())
        save.extend(s for s, given in zip(absolute, sources) if given != -1)
        layers.append(module)
        channels.append(c2)
    return nn.Sequential(*layers), sorted(save), channels


def set_activation(model: nn.Module, activation: nn.Module) -> None:
    """One shared instance for all that are SiLU, as a class-wide default is pickled."""
    for module in model.modules():
        if isinstance(module, common.Conv) and isinstance(module.act, nn.SiLU):
            module.act = activation


def measure_strides(model: nn.Module, size: int = 256) -> torch.Tensor:
    head = model.model[-1]
    head.stride = torch.ones(head.nl)
    found = []
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size), lambda m, given, out: found.extend(given if m is head else []))
    return torch.tensor([size / f.shape[-2] for f in found])


def build_detection(description: dict, kind: str = "DetectionModel", modern: bool = True) -> nn.Module:
    """Detection or segmentation model; `kind` is the class under which it is pickled. Weights are PyTorch's defaults."""
    description = copy.deepcopy(description)
    model = getattr(yolo, kind)()
    model.yaml = {**description, "ch": 3}
    model.model, model.save, _ = build_layers(description, modern)
    if "activation" in description:
        set_activation(model, ACTIVATIONS[description["activation"]]())
    names = [f"class {i}" for i in range(description["nc"])]
    model.names = dict(enumerate(names)) if modern else names
    if modern:
        model.inplace = True
    model.eval()
    head = model.model[-1]
    model.stride = head.stride = measure_strides(model)
    head.anchors /= head.stride.view(-1, 1, 1)
    return model


def build_classifier(description: dict, nc: int) -> nn.Module:
    """The backbone of a detection model with its last module replaced by a classification head."""
    model = yolo.ClassificationModel()
    layers, _, channels = build_layers(description, head=False)
    last = layers[-1]
    head = common.Classify(channels[-2], nc)
    head.i, head.f, head.type = last.i, last.f, class_path(head)
    model.stride = torch.tensor([8.0, 16.0, 32.0])
    model.model = nn.Sequential(*list(layers)[:-1], head)
    model.save = []
    model.nc = nc
    model.names = [f"class {i}" for i in range(nc)]
    if "activation" in description:
        set_activation(model, ACTIVATIONS[description["activation"]]())
    return model.eval()
