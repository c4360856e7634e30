"""From predictions to detections as detect.py and val.py (v7.0) compute them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

MAX_CANDIDATES = 30_000
CLASS_OFFSET = 7680.0
"""Boxes of different classes are moved apart by this, in float32, before suppression."""


@dataclass(frozen=True)
class Settings:
    conf: float = 0.25
    iou: float = 0.45
    max_det: int = 1000
    agnostic: bool = False
    multi_label: bool = False
    classes: tuple[int, ...] | None = None


def suppress(boxes: torch.Tensor, threshold: float) -> tuple[list[int], float]:
    """Greedy, over boxes in descending order of score; also the least distance of any IoU from the threshold."""
    x1, y1, x2, y2 = boxes.unbind(1)
    area = (x2 - x1) * (y2 - y1)
    alive = torch.ones(len(boxes), dtype=torch.bool)
    kept, margin = [], 1.0
    for i in range(len(boxes)):
        if not alive[i]:
            continue
        kept.append(i)
        width = (torch.minimum(x2[i], x2) - torch.maximum(x1[i], x1)).clamp(min=0)
        height = (torch.minimum(y2[i], y2) - torch.maximum(y1[i], y1)).clamp(min=0)
        overlap = width * height
        iou = overlap / (area[i] + area - overlap)
        iou[: i + 1] = 0
        margin = min([margin, *(iou[alive] - threshold).abs().tolist()])
        alive &= ~(iou > threshold)
    return kept, margin


def detections(prediction: torch.Tensor, nc: int, settings: Settings) -> tuple[torch.Tensor, int, float]:
    """[n, 6 + coefficients] (x1 y1 x2 y2 score class …) from [N, 5 + nc + coefficients]; boxes above the
    objectness threshold; margin.

    The margin is the least distance of a score or IoU from its threshold: where it is tiny, rounding decides.
    """
    prediction = prediction.float()
    objectness = prediction[:, 4]
    near = (objectness - settings.conf).abs().min().item()
    rows = prediction[objectness > settings.conf]
    scores = rows[:, 5 : 5 + nc] * rows[:, 4:5]
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    boxes = torch.cat((centre - half, centre + half), dim=1)
    if settings.multi_label and nc > 1:
        row, cls = (scores > settings.conf).nonzero(as_tuple=True)
        compared = scores.flatten()
    else:
        compared, cls = scores.max(dim=1)
        row = (compared > settings.conf).nonzero(as_tuple=True)[0]
        cls = cls[row]
    if compared.numel():
        near = min(near, (compared - settings.conf).abs().min().item())
    found = torch.cat((boxes[row], scores[row, cls, None], cls[:, None].float(), rows[row, 5 + nc :]), dim=1)
    if settings.classes is not None:
        found = found[(found[:, 5:6] == torch.tensor(settings.classes)).any(dim=1)]
    found = found[found[:, 4].argsort(descending=True, stable=True)[:MAX_CANDIDATES]]
    shifted = found[:, :4] + (0 if settings.agnostic else found[:, 5:6] * CLASS_OFFSET)
    kept, margin = suppress(shifted, settings.iou)
    return found[kept[: settings.max_det]], len(rows), min(margin, near)


def to_picture(boxes: torch.Tensor, input_shape: tuple[int, int], width: int, height: int) -> torch.Tensor:
    """From the letterboxed frame to the picture's, with the gain recomputed from both shapes, clipped."""
    rows, columns = input_shape
    gain = min(rows / height, columns / width)
    out = boxes.clone()
    out[:, [0, 2]] = ((out[:, [0, 2]] - (columns - width * gain) / 2) / gain).clamp(0, width)
    out[:, [1, 3]] = ((out[:, [1, 3]] - (rows - height * gain) / 2) / gain).clamp(0, height)
    return out
