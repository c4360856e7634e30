"""Whole models of the newer package under the class paths that its checkpoints pickle."""

from __future__ import annotations

from models.yolo import BaseModel


class DetectionModel(BaseModel):
    pass


class SegmentationModel(DetectionModel):
    pass


class PoseModel(DetectionModel):
    pass
