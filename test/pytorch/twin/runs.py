"""What detect.py, val.py and classify/predict.py would print for a picture, in the layout of the reference JSON."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import nn

from twin.nms import Settings, detections, to_picture
from twin.picture import classification_input, letterbox
from twin.trace import to_input

MARGIN = 2e-5
"""No score or IoU of a fixture may lie nearer to its threshold: rounding would decide over it."""

RUNS = [
    (True, Settings()),
    (False, Settings()),
    (True, Settings(agnostic=True)),
    (True, Settings(multi_label=True, conf=0.15, iou=0.6, max_det=40)),
    (True, Settings(classes=(0, 2))),
]


def _model_facts(model: nn.Module) -> dict:
    head = model.model[-1]
    names = model.names if isinstance(model.names, dict) else dict(enumerate(model.names))
    facts = {"kind": type(model).__name__, "head": type(head).__name__, "names": {str(k): v for k, v in names.items()}}
    if hasattr(head, "nl"):
        anchors = head.anchors * head.stride.view(-1, 1, 1)
        facts |= {"nc": head.nc, "nl": head.nl, "na": head.na}
        facts |= {"stride": head.stride.tolist(), "anchors": anchors.tolist()}
    return facts


def _clear_of_thresholds(prediction: torch.Tensor, nc: int, settings: Settings):
    """Detections under settings moved by as little as needed for no value to lie on a threshold."""
    for step in range(50):
        moved = replace(settings, conf=round(settings.conf + step * 0.001, 3), iou=round(settings.iou + step * 0.002, 3))
        found, candidates, margin = detections(prediction, nc, moved)
        if margin >= MARGIN:
            return moved, found, candidates
    raise SystemExit(f"{settings}: a value lies within {MARGIN} of a threshold; choose another seed")


def detection_runs(model: nn.Module, rgb: np.ndarray, size: int, stride: int) -> dict:
    """Predictions in float64, everything after them in float32."""
    height, width, _ = rgb.shape
    facts = _model_facts(model)
    runs = []
    model.double()
    for rect, settings in RUNS:
        given = letterbox(rgb, size, stride, rect)
        with torch.no_grad():
            prediction = model(to_input(given, torch.float64))[0][0]
        used, found, candidates = _clear_of_thresholds(prediction, facts["nc"], settings)
        boxes = to_picture(found[:, :4], given.shape[:2], width, height)
        options = {k: v for k, v in asdict(used).items() if k not in ("conf", "iou") and v not in (False, None)}
        runs.append(
            {
                "image": "picture.png",
                "size": size,
                "rect": rect,
                "conf": used.conf,
                "iou": used.iou,
                "input": [1, 3, *given.shape[:2]],
                "options": options,
                "candidates": candidates,
                "letterboxed_sha256": hashlib.sha256(given.tobytes()).hexdigest(),
                "detections": [
                    {
                        "box": [round(v, 4) for v in box.tolist()],
                        "box_letterboxed": [round(v, 4) for v in row[:4].tolist()],
                        "score": round(row[4].item(), 6),
                        "cls": int(row[5]),
                        "name": facts["names"][str(int(row[5]))],
                    }
                    for box, row in zip(boxes, found)
                ],
            }
        )
    model.float()
    return {"model": facts, "runs": runs}


def classification_runs(model: nn.Module, rgb: np.ndarray) -> dict:
    facts = _model_facts(model)
    runs = []
    model.double()
    for size in (64, 224):
        with torch.no_grad():
            logits = model(torch.from_numpy(classification_input(rgb, size)).double())
        best = logits.softmax(dim=1)[0].sort(descending=True, stable=True)
        top5 = [
            {"cls": int(c), "name": facts["names"][str(int(c))], "prob": round(p.item(), 6)}
            for p, c in list(zip(*best))[:5]
        ]
        runs.append({"image": "picture.png", "size": size, "top5": top5})
    model.float()
    return {"model": facts, "runs": runs}
