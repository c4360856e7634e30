/** `yolov5 detect`: the flags of detect.py v7.0 with its defaults, and a few more. */

import { type Command, Option } from "commander";
import { TRACKER_ALGORITHMS } from "../../tracking/options.js";
import type { DetectFlags } from "../options/flags.js";
import { batchSize, classList, fraction, imageSize, list, whole } from "../options/values.js";
import { TUNE_HELP } from "../tuning.js";
import { addCommonOptions, MAX_PIXELS_HELP, type Start, WEIGHTS_HELP } from "./common.js";

const AFTER = `
Sources: a picture, a video, a folder (its pictures and videos, not its subfolders), a glob ("photos/**/*.jpg"), an
http(s) URL, a stream (rtsp://…), a camera (0, /dev/video0), or a .txt file that lists sources, one a line. Several may
be given. JPEG, PNG, WebP, BMP, GIF, TIFF and PNM pictures are read, EXIF orientation applied; annotated ones are written
as JPEG, or PNG where the source is one. Videos, streams and cameras need ffmpeg; annotated ones are written as MP4.

Examples:
  yolov5 detect                                       the embedded model (QR, barcode, ArUco, Data Matrix), its picture
  yolov5 detect --weights yolov5n.pt --source bus.jpg
  yolov5 detect --weights best.pt --source photos --conf-thres 0.4 --classes 0 2 --save-txt --save-conf
  yolov5 detect --weights yolov5s-seg.pt --source bus.jpg --retina-masks
  yolov5 detect --weights a.pt b.pt --source bus.jpg  an ensemble
  yolov5 detect --weights yolov5n.pt --source street.mp4 --track     a video, with ids that stay
  yolov5 detect --source bus.jpg --nosave --json -    JSON on standard output, nothing written`;

export function defineDetect(program: Command, start: Start): void {
  const command = program
    .command("detect")
    .summary("find objects in pictures and videos (boxes, masks or classes, after the model's own task)")
    .description(
      "Finds objects in pictures and videos, as detect.py of YOLOv5 v7.0 does: detection, segmentation or classification, after the model's own task.",
    )
    .optionsGroup("Model and input:")
    .option("--weights <w...>", `${WEIGHTS_HELP}; several make an ensemble (default: codes)`, list(String))
    .option(
      "--source <s...>",
      "pictures, videos, cameras; see below (default with the embedded model: its example picture)",
      list(String),
    )
    .option("--imgsz <px...>", "input size: one number, or height width (default: 640; classification 224)", imageSize)
    .option("--max-pixels <n>", MAX_PIXELS_HELP, whole(1))
    .option("--square", "letterbox to the full imgsz, as exported models do, instead of the smallest rectangle")
    .option("--batch-size <n>", "pictures of one input size that share a forward pass", batchSize, 1)
    .option("--half", "float16 where the backend has it")
    .option("--tune", TUNE_HELP)
    .option("--augment", "test-time augmentation: three scales, one mirrored (detection)")
    .option(
      "--cfg <yaml>",
      "model description (YAML file or a name such as yolov5s), for a state dict that carries none",
    )
    .option("--data <yaml>", "data set description: class names for a checkpoint that carries none")
    .optionsGroup("Which boxes:")
    .option("--conf-thres <p>", "lowest confidence (also --conf)", fraction, 0.25)
    .option("--iou-thres <p>", "IoU above which NMS drops the weaker box (also --iou)", fraction, 0.45)
    .option("--max-det <n>", "most boxes a picture", whole(1), 1000)
    .option("--classes <c...>", "only these classes, by index: --classes 0 2", classList)
    .option("--agnostic-nms", "NMS across classes")
    .option("--multi-label", "every class of a box above the threshold, as val does, instead of the best one")
    .option("--retina-masks", "masks at the picture's own resolution (segmentation)")
    .optionsGroup("Videos:")
    .option("--vid-stride <n>", "take every n-th frame", whole(1), 1)
    .option("--max-frames <n>", "stop after so many frames of a video or stream", whole(1))
    .addOption(
      new Option("--track [algorithm]", "ids that stay with each object, in videos and in pictures in their order")
        .choices(TRACKER_ALGORITHMS)
        .preset("bytetrack"),
    )
    .option("--track-buffer <n>", "frames for which an object out of sight is remembered", whole(0), 30)
    .option("--track-across-classes", "a track may change its class")
    .optionsGroup("Results:")
    .option("--ndjson <file>", "one JSON line a frame or picture, as they come; - for standard output")
    .option(
      "--save-txt",
      "labels/<picture>.txt, <video>_<frame>.txt: class x y w h, normalised (appended, as detect.py does)",
    )
    .option("--save-conf", "with the confidence at the end of those lines")
    .option("--save-crop", "crops/<class>/<picture>.jpg")
    .option("--nosave", "no annotated pictures and videos")
    .option("--project <folder>", "default: runs/detect, runs/predict-seg or runs/predict-cls, after the task")
    .option("--name <name>", "folder of this run in the project; exp2, exp3, … where it exists", "exp")
    .option("--exist-ok", "write into that folder even where it exists")
    .addOption(
      new Option("--image-format <f>", "of annotated pictures").choices(["source", "jpg", "png"]).default("source"),
    )
    .optionsGroup("Drawing:")
    .option("--line-thickness <px>", "of boxes (default: after the picture's size)", whole(1, 10_000))
    .option(
      "--font <file>",
      "font of class names in other scripts (default: one of this system that has their letters)",
    )
    .option("--hide-labels", "boxes without labels")
    .option("--hide-conf", "labels without confidences")
    .optionsGroup("For detect.py's users:")
    .option("--view-img", "there is no window here; the annotated pictures are in the run's folder")
    .option("--update", "nothing to update: checkpoints are read without running what they contain")
    .option("--dnn", "of OpenCV's ONNX reader; ignored")
    .option("--visualize", "not available; the library's model.tap() gives the features of any layer")
    .option("--save-csv", "not available; --json and --ndjson hold every box")
    .option("--save-format <n>", "of --save-txt: 0, YOLO's own, is the one there is", whole(0))
    .addHelpText("after", AFTER);
  addCommonOptions(command).action((flags: DetectFlags) =>
    start(flags, async (output) => (await import("../detect/run.js")).runDetect(flags, output)),
  );
}
