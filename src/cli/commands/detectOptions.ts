/** The options of `detect`, which `enqueue` has too. */

import { type Command, Option } from "commander";
import { THEME_NAMES } from "../../image/draw/theme.js";
import { OBSCURE_STYLES } from "../../image/obscure.js";
import { BLUR_SHAPES } from "../../solutions/blur/blur.js";
import { ANCHORS } from "../../solutions/counting/tracked.js";
import { TRACKER_ALGORITHMS } from "../../tracking/options.js";
import { lineFlag, speedFlag, zoneFlag } from "../options/figures.js";
import { addSliceOptions } from "../options/slices.js";
import { batchSize, classList, fraction, imageSize, list, positive, whole } from "../options/values.js";
import { RESUME_HELP, SHARD_HELP, shardFlag } from "../shards/shardOption.js";
import { TUNE_HELP } from "../tuning.js";
import { MAX_PIXELS_HELP, WEIGHTS_HELP, WORKERS_HELP } from "./common.js";

/** `enqueue` says why it refuses options that need a single process. */
const hidden = (option: Option, hides: boolean): Option => option.hideHelp(hides);

/**
 * Adds the flags of detect.py v7.0 with its defaults, and a few more.
 * @param about `jobs`: for a run whose parts are jobs of a queue.
 */
export function addDetectOptions(command: Command, { jobs = false }: { readonly jobs?: boolean } = {}): Command {
  command
    .optionsGroup("Model and input:")
    .option("--weights <w...>", `${WEIGHTS_HELP}; several make an ensemble (default: codes)`, list(String))
    .option(
      "--source <s...>",
      "pictures, videos or cameras; see below (default for the embedded model: its example picture)",
      list(String),
    )
    .option("--imgsz <px...>", "input size: one number, or height width (default: 640; classification 224)", imageSize)
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option("--square", "letterbox to the full --imgsz, as exported models do, instead of the smallest rectangle")
    .option(
      "--batch-size <n>",
      "pictures, or windows of --slice, per forward pass (those with the same input size)",
      batchSize,
      1,
    )
    .option("--workers <n>", WORKERS_HELP, whole(0, 256))
    .option("--half", "use float16 where the backend supports it")
    .option("--tune", TUNE_HELP)
    .option("--augment", "test-time augmentation: three scales, one of them mirrored (detection only)");
  return addSliceOptions(command)
    .option("--cfg <yaml>", "model description (a YAML file or a name such as yolov5s), for a state dict without one")
    .option("--data <yaml>", "data set .yaml with class names, for a checkpoint without any")
    .addOption(hidden(new Option("--shard <i/n>", SHARD_HELP).argParser(shardFlag), jobs))
    .addOption(hidden(new Option("--resume", RESUME_HELP), jobs))
    .optionsGroup("Filtering:")
    .option("--conf-thres <p>", "minimum confidence, 0 to 1 (also --conf)", fraction, 0.25)
    .option(
      "--iou-thres <p>",
      "IoU above which NMS drops the weaker box, 0 to 1 (also --iou; default: 0.45; YOLOv5u, v8, 11: 0.7)",
      fraction,
    )
    .option("--max-det <n>", "maximum number of boxes per picture (default: 1000; YOLOv5u, v8, 11, 26: 300)", whole(1))
    .option("--classes <c...>", "keep only these classes, by index: --classes 0 2", classList)
    .option("--agnostic-nms", "run NMS across classes instead of per class")
    .option("--multi-label", "report every class of a box above the threshold, as val does, instead of the best one")
    .option("--retina-masks", "compute masks at the picture's own resolution (segmentation only)")
    .optionsGroup("Videos:")
    .option("--vid-stride <n>", "process every n-th frame", whole(1), 1)
    .option("--max-frames <n>", "stop after this many frames of a video or stream", whole(1))
    .addOption(
      new Option(
        "--track [algorithm]",
        "give objects persistent IDs across the frames of a video, or across pictures in order",
      )
        .choices(TRACKER_ALGORITHMS)
        .preset("bytetrack"),
    )
    .option("--track-buffer <n>", "frames for which a lost object is remembered (default: 30)", whole(0))
    .option("--track-across-classes", "let a track change its class")
    .optionsGroup("Hiding:")
    .option(
      "--blur [classes...]",
      "make objects unrecognisable in written pictures and videos: all, or those of some classes (--blur person 3); in videos also in frames where they are missed",
    )
    .addOption(
      new Option("--blur-style <s>", `how objects are hidden (default: ${OBSCURE_STYLES[0]})`).choices(OBSCURE_STYLES),
    )
    .addOption(
      new Option(
        "--blur-shape <s>",
        `hide the whole box, or the outline that a segmentation model finds (default: ${BLUR_SHAPES[0]})`,
      ).choices(BLUR_SHAPES),
    )
    .option("--redact", "write only pictures and videos with objects hidden: no boxes, no labels, no other files")
    .optionsGroup("Counting (tracks objects; points in pixels, or in fractions of the picture if none is above 1):")
    .option(
      "--line <points...>",
      "count objects that cross the line x1,y1,x2,y2[,name]; seen along it from its first point, in is from left to right",
      list(lineFlag),
    )
    .option(
      "--zone <points...>",
      "count objects in the polygon x1,y1,x2,y2,x3,y3,…[,name], those that enter and leave, and how long they stay",
      list(zoneFlag),
    )
    .addOption(
      new Option(
        "--anchor <point>",
        "which point of a box counts (default: centre; for --heatmap and --ground: feet)",
      ).choices(ANCHORS),
    )
    .option(
      "--ground <points>",
      "measure speeds, x1,y1,…,x4,y4,w,h[,unit]: the corners of a rectangle on the ground, its size in metres, and m/s, km/h or mph",
      speedFlag,
    )
    .option("--heatmap", "colour where objects have been, in the drawing and in a PNG at the end; needs no tracks")
    .option("--heatmap-half-life <s>", "seconds after which a trace has faded by half (default: traces stay)", positive)
    .optionsGroup("Results:")
    .option("--ndjson <file>", "write one JSON line per frame or picture as results arrive; - for standard output")
    .option("--no-speed", "leave the times out of the JSON, so that it is the same on every run and machine")
    .option(
      "--save-txt",
      "write labels/<picture>.txt or <video>_<frame>.txt: class x y w h, normalised (appends, as detect.py does)",
    )
    .option("--save-conf", "append the confidence to each line of --save-txt")
    .option("--save-crop", "write each box as crops/<class>/<picture>.jpg")
    .option("--nosave", "do not write annotated pictures and videos")
    .option(
      "--project <folder>",
      "parent folder of runs (default: runs/detect, runs/predict-seg or runs/predict-cls, depending on the task)",
    )
    .option("--name <name>", "folder of this run in the project; exp2, exp3, … if it exists", "exp")
    .option("--exist-ok", "write into that folder even if it exists")
    .addOption(
      new Option("--image-format <f>", "file format of annotated pictures")
        .choices(["source", "jpg", "png"])
        .default("source"),
    )
    .optionsGroup("Drawing:")
    .addOption(
      new Option("--theme <name>", "colours, labels and lines, for bright or dark pictures (default: classic)").choices(
        THEME_NAMES,
      ),
    )
    .option(
      "--line-thickness <px>",
      "width of box outlines in pixels (default: depends on the picture's size)",
      whole(1, 10_000),
    )
    .option("--font <file>", "font for class names in other scripts (default: a system font that has the letters)")
    .option("--hide-labels", "draw boxes without labels")
    .option("--hide-conf", "draw labels without confidences")
    .optionsGroup("For detect.py's users:")
    .option(
      "--view-img",
      "not available: no window is opened; see --live, or the annotated pictures in the run's folder",
    )
    .option("--update", "ignored: there is nothing to update; checkpoints are read without running their code")
    .option("--dnn", "ignored: only for OpenCV's ONNX reader")
    .option("--visualize", "not available; the library's model.tap() returns the features of any layer")
    .option("--save-csv", "not available; use --json or --ndjson")
    .option("--save-format <n>", "format of --save-txt; only 0 (YOLO) is available", whole(0));
}
