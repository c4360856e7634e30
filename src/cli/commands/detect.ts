/** `yolov5 detect`: the flags of detect.py v7.0 with its defaults, and a few more. */

import { type Command, Option } from "commander";
import type { DetectFlags } from "../options/flags.js";
import { whole } from "../options/values.js";
import { addCommonOptions, type Start } from "./common.js";
import { addDetectOptions } from "./detectOptions.js";

const AFTER = `
Sources: a picture, a video, a folder (its pictures and videos, without subfolders), a glob ("photos/**/*.jpg"), an
http(s) URL, a stream (rtsp://…), a camera (0, /dev/video0), or a .txt file with one source per line. Several may be
given. Reads JPEG, PNG, WebP, BMP, GIF, TIFF and PNM pictures and applies EXIF orientation. Annotated pictures are written
as JPEG, or as PNG if the source is one. Videos, streams and cameras need ffmpeg; annotated videos are written as MP4.

Examples:
  yolov5 detect                                       the embedded model (QR, barcode, ArUco, Data Matrix) on its picture
  yolov5 detect --weights yolov5n.pt --source bus.jpg
  yolov5 detect --weights best.pt --source photos --conf-thres 0.4 --classes 0 2 --save-txt --save-conf
  yolov5 detect --weights yolov5s-seg.pt --source bus.jpg --retina-masks
  yolov5 detect --weights a.pt b.pt --source bus.jpg  an ensemble
  yolov5 detect --weights yolov5n.pt --source street.mp4 --track     a video, with persistent IDs
  yolov5 detect --weights yolov5n.pt --source street.mp4 --redact --blur person
  yolov5 detect --weights yolov5n.pt --source rtsp://camera/1 --live 8080
  yolov5 detect --weights yolov5n.pt --source aerial.tif --slice 640 small objects in a large picture
  yolov5 detect --weights yolov5n.pt --source door.mp4 --line 0,0.5,1,0.5,door     who goes in and out
  yolov5 detect --source bus.jpg --nosave --json -    JSON on standard output, nothing written`;

export function defineDetect(program: Command, start: Start): void {
  const command = program
    .command("detect")
    .summary("find objects in pictures and videos (boxes, masks or classes, depending on the model's task)")
    .description(
      "Finds objects in pictures and videos, as detect.py of YOLOv5 v7.0 does: detection, segmentation, pose or classification, depending on the model's task.",
    )
    .addHelpText("after", AFTER);
  addDetectOptions(command);
  addOwnOptions(command);
  addCommonOptions(command).action((flags: DetectFlags) =>
    start(flags, async (output) => (await import("../detect/run.js")).runDetect(flags, output)),
  );
}

/** Not available for jobs in a queue, which have no page and write nothing for a whole run. */
function addOwnOptions(command: Command): void {
  command
    .optionsGroup("Videos:")
    .addOption(
      new Option(
        "--live [port]",
        "show the annotated frames of a camera, stream or video on a page that only this machine can open",
      )
        .argParser(whole(0, 65_535))
        .preset("8080"),
    )
    .addOption(
      new Option(
        "--record [seconds]",
        "write the annotated video in files of this length; --live writes no video without it",
      )
        .argParser(whole(1))
        .preset("60"),
    )
    .optionsGroup("Results:")
    .option("--save-coco", "write coco.json: boxes, outlines, keypoints and tracks as COCO's annotations")
    .option("--save-voc", "write Annotations/<picture>.xml: boxes as Pascal VOC's XML")
    .option("--save-cvat", "write cvat.xml, and <video>.cvat.xml with tracks, for CVAT (version 1.1)")
    .option(
      "--save-labelstudio",
      "write labelstudio.json, tasks with predictions for Label Studio, and its labelling interface",
    );
}
