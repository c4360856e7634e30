"""Proves the twin right: real checkpoints run through its classes and compared with the original's answers.

    python3 -m twin.validate [--reference DIR] [NAME …]

Two comparisons per checkpoint, module by module: the pickled modules as they are, and a model built anew from the
checkpoint's description that takes over its weights. The built one must also have the same tree: child names, class
names, attribute names and `save`. As the references were, both run in float32 with BatchNorm folded; NMSE must stay
below 1e-9 in every layer. (The references' own rounding noise is of that order: the same networks in float64 lie up to
1.5e-9 from them, zoo-csp, while a wrong definition gives 1e-3 and more.)
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twin import safetensors  # noqa: E402
from twin.architectures import ARCHITECTURES  # noqa: E402
from twin.build import build_classifier, build_detection, set_activation  # noqa: E402
from twin.checkpoint import load_model  # noqa: E402
from twin.fold import fold_batch_norm  # noqa: E402
from twin.trace import nmse, trace  # noqa: E402

LIMIT = 1e-9
REPOSITORY = Path(__file__).resolve().parents[3]


def worst_layer(model, reference) -> tuple[float, str]:
    found = trace(fold_batch_norm(model), reference["input_rgb_u8"], torch.float32)
    missing = sorted(set(reference) - set(found))
    if missing:
        raise SystemExit(f"the twin gives no {', '.join(missing)}")
    return max((nmse(found[name], reference[name]), name) for name in reference)


def rebuilt(model):
    """The same network from its description."""
    kind = type(model).__name__
    head = model.model[-1]
    modern = "anchor_grid" not in head._buffers
    copy = build_detection({**model.yaml, "nc": head.nc}, kind, modern)
    set_activation(copy, model.model[0].conv.act if hasattr(model.model[0].conv, "act") else model.model[0].act)
    copy.load_state_dict(model.state_dict())
    copy.model[-1].stride = head.stride
    return copy


OPTIONAL = {"yaml_file", "nc", "hyp", "class_weights", "inplace", "recompute_scale_factor"}
"""Attributes that come and go with versions and with training."""


def tree_differences(real, built, path="model") -> list[str]:
    """What a reader would see differ: classes, children, attribute names, parameters."""
    found = []
    if type(real) is not type(built):
        found.append(f"{path}: class {type(real).__name__} ≠ {type(built).__name__}")
    for what in ("_modules", "_parameters", "_buffers"):
        a, b = (list(getattr(m, what)) for m in (real, built))
        if a != b:
            found.append(f"{path}: {what} {a} ≠ {b}")
    a, b = ({k for k in m.__dict__ if not k.startswith("_")} - OPTIONAL for m in (real, built))
    if a != b:
        found.append(f"{path}: attributes {sorted(a ^ b)}")
    for name in ("i", "f", "type", "np", "save", "stride", "add", "groups", "padding", "eps", "nc", "no"):
        a, b = real.__dict__.get(name), built.__dict__.get(name)
        if name in OPTIONAL and path == "model":
            continue
        if not isinstance(a, torch.Tensor) and a != b:
            found.append(f"{path}.{name}: {a} ≠ {b}")
    for name, child in real._modules.items():
        if child is not None and built._modules.get(name) is not None:
            found += tree_differences(child, built._modules[name], f"{path}.{name}")
    return found


def classifier_differences(weights: Path) -> list[str]:
    """Classification checkpoints have no layer references and no description: compares the trees alone."""
    real = load_model(weights)
    head = real.model[-1]
    description = {**ARCHITECTURES["cls"].description, "depth_multiple": 0.33, "width_multiple": 0.125}
    built = build_classifier(description, head.linear.out_features)
    set_activation(built, real.model[0].act)
    built.load_state_dict(real.state_dict())
    return tree_differences(real, built)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("YOLOV5_REFERENCE", str(REPOSITORY.parent / "shared"))
    parser.add_argument("--reference", default=default, help="folder with weights/ and reference/")
    parser.add_argument("names", nargs="*", help="checkpoints, such as zoo-ghost (default: all)")
    options = parser.parse_args()
    root = Path(options.reference)
    if not root.is_dir():
        print(f"skipped: no reference material at {root}")
        return 0
    torch.set_num_threads(1)
    failed = 0
    for file in sorted((root / "reference").glob("*.layers.safetensors")):
        name = file.name[: -len(".layers.safetensors")]
        if options.names and name not in options.names:
            continue
        weights = root / "weights" / f"{name.replace('zoo-', 'zoo/').replace('format-', 'formats/')}.pt"
        reference, _ = safetensors.read(file)
        value, layer = worst_layer(load_model(weights), reference)
        text, differences = f"pickled {value:.1e} ({layer})", []
        if "pruned" not in name:  # its channel counts stand in no description
            model = load_model(weights)
            copy = rebuilt(model)
            differences = tree_differences(model, copy)
            again, where = worst_layer(copy, reference)
            text += f", rebuilt {again:.1e} ({where}), tree {'same' if not differences else 'differs'}"
            value = max(value, again)
        bad = not value < LIMIT or bool(differences)
        failed += bad
        print(f"{'FAIL' if bad else 'ok  '} {name:24s} {text}", flush=True)
        for line in differences[:20]:
            print(f"       {line}")
    if not options.names or "zoo-cls" in options.names:
        differences = classifier_differences(root / "weights" / "zoo" / "cls.pt")
        failed += bool(differences)
        print(f"{'FAIL' if differences else 'ok  '} {'zoo-cls':24s} tree {'differs' if differences else 'same'}")
        for line in differences[:20]:
            print(f"       {line}")
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
