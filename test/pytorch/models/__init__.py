"""YOLOv5's module classes under the names that checkpoints pickle them by (`models.common.Conv` …)."""
