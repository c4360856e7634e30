#!/usr/bin/env python3
"""Writes fixtures that prove an engine against PyTorch: checkpoints, per-layer references, detections.

    python3 make_fixtures.py --out DIR [--seed N] [--arch NAME …] [--state-dict] [--detections] [--list]

Per architecture:
  NAME.pt                    the module pickled in float16, as published checkpoints are
  NAME.state.pt              (--state-dict) tensors by name with the description
  NAME.layers.safetensors    one input and what every module gives, computed in float64, stored in float32
  NAME.json                  (--detections) detections on picture.png at several settings
`--weights FILE.safetensors --name NAME` writes the references of given weights (their metadata hold the description).
Needs Python 3.9 and PyTorch 1.10 or newer; nothing else.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from twin import safetensors  # noqa: E402
from twin.architectures import ARCHITECTURES, Architecture  # noqa: E402
from twin.build import build_classifier, build_detection  # noqa: E402
from twin.checkpoint import save_module, save_state_dict  # noqa: E402
from twin.condition import condition  # noqa: E402
from twin.fold import fold_batch_norm  # noqa: E402
from twin.newer import NEWER  # noqa: E402
from twin.picture import draw, letterbox, write_png  # noqa: E402
from twin.runs import classification_runs, detection_runs  # noqa: E402
from twin.trace import NOTE, nmse, to_input, trace  # noqa: E402

PICTURE = (90, 60)
SIZE = 96
NOISE = 2e-11
"""Most rounding noise (NMSE) of a network that is used."""


def draw_network(name: str, architecture: Architecture | None, seed: int, rgb: np.ndarray) -> torch.nn.Module:
    """Random weights that depend on the seed and the name alone."""
    torch.manual_seed(0)
    if architecture is None:
        model = NEWER[name]()
    elif architecture.kind == "ClassificationModel":
        model = build_classifier(architecture.description, nc=5)
    else:
        model = build_detection(architecture.description, architecture.kind, architecture.modern)
    extra = [to_input(letterbox(draw(*PICTURE, seed + k), SIZE, 32, True), torch.float32) for k in (1, 2)]
    data = torch.cat([to_input(letterbox(rgb, SIZE, 32, True), torch.float32), *extra])
    if data.shape[2] * data.shape[3] < int(model.stride.max()) ** 2 * 2:
        data = torch.nn.functional.interpolate(data, scale_factor=2)  # several pixels at the coarsest level
    return condition(model, data, seed + zlib.crc32(name.encode()) % 100_000)


def rounding_noise(model: torch.nn.Module, given: np.ndarray) -> float:
    """NMSE of the worst layer when PyTorch itself computes in float32, with BatchNorm folded and not."""
    exact = trace(model, given)
    worst = 0.0
    for candidate in (model, fold_batch_norm(copy.deepcopy(model))):
        rounded = trace(candidate, given, torch.float32)
        worst = max([worst, *(nmse(rounded[name], exact[name]) for name in exact)])
    return worst


def build(name: str, architecture: Architecture | None, seed: int, rgb: np.ndarray) -> torch.nn.Module:
    """The first network drawn whose rounding noise in float32 is far below what an engine's is held to (1e-9).

    Some random networks amplify rounding far more than trained ones do; on those a right engine and a slightly wrong one
    could not be told apart.
    """
    for attempt in range(50):
        model = draw_network(name, architecture, seed + 1000 * attempt, rgb)
        stride = max(int(model.stride.max()), 32)
        if rounding_noise(model, letterbox(rgb, SIZE, stride, rect=True)) < NOISE:
            return model
    raise SystemExit(f"{name}: no well-conditioned network in 50 draws from seed {seed}")


def from_weights(path: Path) -> torch.nn.Module:
    tensors, metadata = safetensors.read(path)
    model = build_detection(json.loads(metadata["yaml"]))
    state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in tensors.items()}
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise SystemExit(f"{path}: missing {missing}, unexpected {unexpected}")
    names = json.loads(metadata["names"])
    model.names = {int(key): value for key, value in names.items()}
    return model


def write(name: str, model: torch.nn.Module, rgb: np.ndarray, options: argparse.Namespace, weights: str, seed: int) -> None:
    out: Path = options.out
    stride = max(int(model.stride.max()), 32)
    given = letterbox(rgb, SIZE, stride, rect=True)
    tensors = trace(model, given)
    metadata = {
        "weights": weights,
        "seed": str(seed),
        "input": f"{given.shape[0]}x{given.shape[1]}",
        "producer": f"torch {torch.__version__}, float64",
        "note": NOTE,
    }
    safetensors.write(out / f"{name}.layers.safetensors", tensors, metadata)
    if options.detections and name not in NEWER:
        classifies = type(model).__name__ == "ClassificationModel"
        runs = classification_runs(model, rgb) if classifies else detection_runs(model, rgb, SIZE, stride)
        (out / f"{name}.json").write_text(compact(runs))


def compact(runs: dict) -> str:
    """JSON with one line per run."""
    lines = ",\n".join(json.dumps(run, separators=(",", ":")) for run in runs["runs"])
    return f'{{"model":{json.dumps(runs["model"])},\n"runs":[\n{lines}\n]}}\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arch", nargs="+", metavar="NAME", help="architectures (default: all)")
    parser.add_argument("--weights", type=Path, help="weights to use instead of random ones")
    parser.add_argument("--name", help="name of the files for --weights")
    parser.add_argument("--state-dict", action="store_true", help="also write NAME.state.pt")
    parser.add_argument("--detections", action="store_true", help="also write picture.png and NAME.json")
    parser.add_argument("--list", action="store_true", help="print the architectures and leave")
    options = parser.parse_args()
    if options.list:
        print("\n".join([*ARCHITECTURES, *NEWER]))
        return 0
    if options.out is None:
        parser.error("--out is required")
    known = [*ARCHITECTURES, *NEWER]
    unknown = set(options.arch or ()) - set(known)
    if unknown:
        parser.error(f"no architecture {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    rgb = draw(*PICTURE, options.seed)
    if options.detections:
        write_png(options.out / "picture.png", rgb)
    if options.weights:
        name = options.name or options.weights.stem
        write(name, from_weights(options.weights), rgb, options, options.weights.name, options.seed)
        print(name)
        return 0
    for name in options.arch or known:
        model = build(name, ARCHITECTURES.get(name), options.seed, rgb)
        write(name, model, rgb, options, f"{name}.pt", options.seed)
        if options.state_dict and hasattr(model, "yaml"):
            save_state_dict(model, options.out / f"{name}.state.pt")
        save_module(model, options.out / f"{name}.pt")
        print(name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
