"""Reading checkpoints into the twin's classes without running anything from them, and writing them."""

from __future__ import annotations

import collections
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

import models.common
import models.experimental
import models.yolo

STORAGES = {"HalfStorage": "<f2", "FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
RENAMED = {"pruned_common": "models.common", "yolo_pruned": "models.yolo"}
"""Packages of forks whose blocks have the structure of the original ones."""


class Inert:
    """Stands for any class that is not needed: keeps what it is given, does nothing."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        self.args = args

    def __setstate__(self, state):
        self.state = state


def _twin_class(module: str, name: str):
    package = RENAMED.get(module, module)
    for candidate in (package, "models.common", "models.yolo", "models.experimental"):
        found = getattr(sys.modules.get(candidate), name, None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found
    return _twin_class(module, name[: -len("Pruned")]) if name.endswith("Pruned") else Inert


def _tensor(storage: np.ndarray, offset: int, size, stride, *_):
    flat = torch.from_numpy(storage.copy())
    return torch.as_strided(flat, size, stride, offset).clone()


def _parameter(data, *_):
    return nn.Parameter(data, requires_grad=False)


class Unpickler(pickle.Unpickler):
    """Knows tensors, PyTorch's modules and the twin's classes; everything else is inert."""

    def __init__(self, archive: zipfile.ZipFile, record: str):
        super().__init__(archive.open(record))
        self.archive, self.folder = archive, record[: -len("data.pkl")]

    def find_class(self, module, name):
        known = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
            ("torch", "Size"): tuple,
            ("builtins", "set"): set,
            ("__builtin__", "set"): set,
            ("builtins", "range"): range,
            ("__builtin__", "xrange"): range,
        }
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if module.startswith("torch.nn.modules.") and "." not in name:
            return super().find_class(module, name)
        if module.startswith("models.") or module in RENAMED:
            return _twin_class(module, name)
        return Inert

    def persistent_load(self, pid):
        _, dtype, key, _, _ = pid
        return np.frombuffer(self.archive.read(f"{self.folder}data/{key}"), dtype)


def load_checkpoint(path: Path):
    """The object of a zip checkpoint, with tensors; classes outside PyTorch and the twin become inert."""
    with zipfile.ZipFile(path) as archive:
        record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        return Unpickler(archive, record).load()


def load_model(path: Path) -> nn.Module:
    """The model of a checkpoint (`ema` before `model`) in float32, ready to run."""
    checkpoint = load_checkpoint(path)
    if isinstance(checkpoint, dict):
        checkpoint = checkpoint.get("ema") or checkpoint["model"]
    if isinstance(checkpoint, nn.DataParallel):
        checkpoint = checkpoint.module
    for module in checkpoint.modules():
        if isinstance(module, nn.Upsample) and not hasattr(module, "recompute_scale_factor"):
            module.recompute_scale_factor = None  # saved by PyTorch before 1.11
    return checkpoint.float().eval()


def _for_file(model: nn.Module) -> nn.Module:
    """Float16 as published checkpoints are, with gradients off."""
    for parameter in model.parameters():
        parameter.requires_grad = False
    model = model.half()
    head = model.model[-1]
    for name in ("grid", "anchor_grid"):  # plain lists are not moved by half()
        value = getattr(head, name, None)
        if isinstance(value, list):
            setattr(head, name, [tensor.half() for tensor in value])
    return model


def save_module(model: nn.Module, path: Path) -> None:
    """The whole module pickled in float16, in the dictionary that training leaves after stripping."""
    checkpoint = {
        "epoch": -1,
        "best_fitness": None,
        "model": _for_file(model),
        "ema": None,
        "updates": None,
        "optimizer": None,
        "wandb_id": None,
        "date": "2023-01-01T00:00:00",
    }
    torch.save(checkpoint, str(path))


def save_state_dict(model: nn.Module, path: Path) -> None:
    """Tensors by name, with the description; no class of ours is named in the file."""
    state = collections.OrderedDict((k, v.half() if v.is_floating_point() else v) for k, v in model.state_dict().items())
    torch.save({"model_state_dict": state, "yaml": model.yaml, "names": model.names}, str(path))
