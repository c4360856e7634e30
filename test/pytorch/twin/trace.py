"""Running a model and keeping what every module gives, in the layout of the reference files."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from models.yolo import Detect, Segment
from twin import newer

NOTE = (
    "input RGB HWC uint8, divided by 255; layer.i is the output of module i; head.i is [1,na,H,W,no] before the sigmoid; "
    "prediction is [1,N,no] xywh in input pixels, sigmoid applied (classification: logits [1,classes]; "
    "without anchors: [1,4+nc+extras,N], end-to-end: [1,boxes,6] with corners, score and class)"
)


def to_input(rgb: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """H×W×3 uint8 to [1, 3, H, W] in 0…1."""
    return (torch.from_numpy(rgb.astype(np.float32)).permute(2, 0, 1)[None] / 255).to(dtype)


def trace(model: nn.Module, rgb: np.ndarray, dtype: torch.dtype = torch.float64) -> dict[str, np.ndarray]:
    """Outputs in float32, computed in `dtype`; names as in the reference files. The model is left in float32."""
    tensors: dict[str, np.ndarray] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        tensors[name] = value.detach().to(torch.float32).contiguous().numpy()

    def visit(module, _given, out):
        if isinstance(module, newer.Detect):
            for name, value in zip(("prediction", "proto"), out):
                keep(name, value)
        elif isinstance(module, Detect):
            for level, head in enumerate(out[-1]):
                keep(f"head.{level}", head)
            keep("prediction", out[0])
            if isinstance(module, Segment):
                keep("proto", out[1])
        elif out.dim() == 2:
            keep("prediction", out)
        else:
            # a copy: the activation of a later module may work in place
            keep(f"layer.{module.i}", out.clone())

    model.to(dtype)
    with torch.no_grad():
        model(to_input(rgb, dtype), visit)
    model.to(torch.float32)
    tensors["input_rgb_u8"] = np.ascontiguousarray(rgb)
    return tensors


def nmse(actual: np.ndarray, expected: np.ndarray) -> float:
    """Squared error relative to the expected signal's energy."""
    difference = actual.astype(np.float64) - expected.astype(np.float64)
    return float((difference**2).sum() / max((expected.astype(np.float64) ** 2).sum(), 1e-30))
