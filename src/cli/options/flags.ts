/**
 * What the options of each command parse to. Kept apart from the definitions, so that runners need not import those.
 */

import type { CalibrationMethod } from "../../compress/quantize/ranges.js";
import type { ThemeName } from "../../image/draw/theme.js";
import type { BackendChoice } from "../../runtime/backend.js";
import type { BlurShape, ObscureStyle } from "../../solutions/blur/index.js";
import type { Anchor } from "../../solutions/counting/tracked.js";
import type { TrackerAlgorithm } from "../../tracking/index.js";
import type { ShardFlag } from "../shards/shardOption.js";
import type { DeviceChoice } from "./devices.js";
import type { FigureFlag, SpeedFlag } from "./figures.js";
import type { SliceFlags } from "./slices.js";

export interface CommonFlags {
  readonly backend: BackendChoice;
  /** How `--device` was understood; it also sets `backend`. */
  readonly device?: DeviceChoice;
  /** For the WASM backend. */
  readonly threads?: number;
  readonly json?: string;
  readonly quiet?: boolean;
}

export interface DetectFlags extends CommonFlags, SliceFlags {
  readonly weights?: readonly string[];
  readonly source?: readonly string[];
  readonly cfg?: string;
  readonly data?: string;
  readonly imgsz?: readonly number[];
  readonly square?: boolean;
  readonly batchSize: number;
  readonly half?: boolean;
  readonly maxPixels?: number;
  readonly tune?: boolean;
  /** Threads that each do whole pictures; absent: as many as pay off. */
  readonly workers?: number;
  readonly shard?: ShardFlag;
  /** Skip a shard that is done. */
  readonly resume?: boolean;
  readonly augment?: boolean;
  readonly confThres: number;
  /** Absent: the model's own default. */
  readonly iouThres?: number;
  readonly maxDet?: number;
  readonly classes?: readonly number[];
  readonly agnosticNms?: boolean;
  readonly multiLabel?: boolean;
  readonly retinaMasks?: boolean;
  readonly saveTxt?: boolean;
  readonly saveConf?: boolean;
  readonly saveCrop?: boolean;
  readonly saveCoco?: boolean;
  readonly saveVoc?: boolean;
  readonly saveCvat?: boolean;
  readonly saveLabelstudio?: boolean;
  /** `--nosave`. */
  readonly nosave?: boolean;
  readonly project?: string;
  readonly name: string;
  readonly existOk?: boolean;
  readonly imageFormat: "source" | "jpg" | "png";
  readonly theme?: ThemeName;
  readonly lineThickness?: number;
  /** Font file for letters that the built-in font lacks. */
  readonly font?: string;
  readonly hideLabels?: boolean;
  readonly hideConf?: boolean;
  readonly vidStride: number;
  readonly maxFrames?: number;
  readonly ndjson?: string;
  /** False: the JSON contains no times. */
  readonly speed: boolean;
  readonly track?: TrackerAlgorithm;
  /** Default `TRACK_BUFFER`. */
  readonly trackBuffer?: number;
  readonly trackAcrossClasses?: boolean;
  /** Classes to make unrecognisable, by name or index; `true`: all. */
  readonly blur?: true | readonly string[];
  /** Only with `blur` or `redact`, like the shape. Default mosaic. */
  readonly blurStyle?: ObscureStyle;
  /** Default box. */
  readonly blurShape?: BlurShape;
  readonly redact?: boolean;
  /** Port of the live page; 0: any. */
  readonly live?: number;
  /** Seconds of each file of the annotated video. */
  readonly record?: number;
  readonly line?: readonly FigureFlag[];
  readonly zone?: readonly FigureFlag[];
  readonly anchor?: Anchor;
  readonly ground?: SpeedFlag;
  readonly heatmap?: boolean;
  readonly heatmapHalfLife?: number;
  readonly viewImg?: boolean;
  readonly visualize?: boolean;
  readonly update?: boolean;
  readonly dnn?: boolean;
  readonly saveCsv?: boolean;
  readonly saveFormat?: number;
}

export interface VerifyFlags extends CommonFlags {
  readonly weights: string;
  readonly reference: string;
  readonly cfg?: string;
  readonly half?: boolean;
  readonly tolerance?: number;
  readonly boxTolerance: number;
  readonly scoreTolerance: number;
}

export interface InfoFlags extends CommonFlags {
  readonly weights?: string;
  readonly cfg?: string;
  readonly imgsz?: readonly number[];
  readonly layers?: boolean;
  readonly memory?: boolean;
  readonly half?: boolean;
}

export type ExportFormat = "safetensors" | "onnx";

export interface ExportFlags extends CommonFlags {
  readonly weights: string;
  readonly include?: readonly ExportFormat[];
  readonly output?: string;
  readonly half?: boolean;
  readonly int8?: boolean;
  readonly data?: string;
  readonly calibration?: CalibrationMethod;
  readonly calibrationImages?: number;
  readonly percentile?: number;
  readonly int8Head?: true;
  readonly cfg?: string;
  readonly imgsz?: readonly number[];
  readonly maxPixels?: number;
  readonly batchSize: number;
  readonly existOk?: boolean;
  readonly opset?: number;
  readonly dynamic?: boolean;
  readonly simplify?: boolean;
  readonly inplace?: boolean;
  readonly optimize?: boolean;
  readonly verbose?: boolean;
  readonly workspace?: number;
  readonly keras?: boolean;
  readonly nms?: boolean;
  readonly agnosticNms?: boolean;
  readonly topkPerClass?: number;
  readonly topkAll?: number;
  readonly iouThres?: number;
  readonly confThres?: number;
}

export interface BenchFlags extends Omit<CommonFlags, "backend"> {
  readonly backend?: readonly BackendChoice[];
  readonly weights?: readonly string[];
  readonly cfg?: string;
  readonly imgsz?: readonly number[];
  readonly batchSize: number;
  readonly half?: boolean;
  readonly tune?: boolean;
  readonly source?: string;
  readonly maxPixels?: number;
  /** Absent: 30, of whole jobs 5. */
  readonly iterations?: number;
  readonly warmup: number;
  /** Absent: 60, for whole jobs 600. */
  readonly seconds?: number;
  readonly layers?: boolean;
  /** `true`: all comparable peers. */
  readonly peers?: true | readonly string[];
  /** Pictures that whole jobs are measured with. */
  readonly pipeline?: string;
  readonly detectPy?: string;
}
