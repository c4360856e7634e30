/** `yolov5 detect`: prepares flags, sources and model; the run itself is `DetectRun`. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { isHttp } from "../../api/address.js";
import { EMBEDDED_MODEL } from "../../api/names.js";
import { partOf } from "../../eval/statistics/shard.js";
import type { LiveServer } from "../../node/live/liveServer.js";
import { packageRoot } from "../../node/packageRoot.js";
import { openLabelFont } from "../../node/pictures/labelFont.js";
import { EXIT, UsageError } from "../errors.js";
import { checkRunFolder } from "../files/destinations.js";
import { runFolder } from "../files/runFolder.js";
import { describeModel, loadWithSeed } from "../loadModel.js";
import type { DetectFlags } from "../options/flags.js";
import type { Output } from "../output.js";
import { fingerprint } from "../shards/fingerprint.js";
import { ShardRun, shardAsked } from "../shards/shardRun.js";
import { checkDetectFlags, refuseCounts } from "./checkFlags.js";
import { trackerOf } from "./count/sequence.js";
import { DetectRun } from "./detectRun.js";
import { labelFormats } from "./labels/labelFlags.js";
import { checkLiveSources, tellWithoutVideos } from "./live/liveFlags.js";
import { projectOf, setUpDetect } from "./runOptions.js";
import { misorderedFrames } from "./sources/frameOrder.js";
import { expandSources, type SourceItem } from "./sources/sources.js";
import { workersFor } from "./work/detectWorkers.js";

export async function runDetect(flags: DetectFlags, output: Output): Promise<number> {
  await checkDetectFlags(flags, output);
  output.checkJson();
  const shard = await shardAsked(flags, output);
  const { nosave, saveTxt, saveCrop, heatmap, project = "runs", name, existOk = false } = flags;
  const labels = labelFormats(flags).length > 0;
  if (shard && (labels || flags.live !== undefined)) {
    throw new UsageError("--live and labels for tools cover a whole run, which a shard is not; leave them out");
  }
  if (!nosave || saveTxt || saveCrop || heatmap || labels || shard)
    await checkRunFolder(project, name, existOk || shard !== undefined);
  if (shard) refuseCounts(flags, "shards");
  // Frames are sorted by number if their order matters.
  const ordered = trackerOf(flags) !== undefined;
  const sources = flags.source ?? [exampleSource(flags.weights)];
  const all = await expandSources(sources, { signal: output.io.signal, frames: ordered });
  const items = shard ? all.slice(...partOf(all.length, shard)) : all;
  if (flags.live !== undefined) checkLiveSources(items);
  tellWithoutVideos(flags, items, output);
  // A mistyped path is reported before a model is downloaded for it. JSON output needs the model in any case.
  if (!output.wantsJson && !output.wantsNdjson && items.every(({ error }) => error !== undefined)) {
    for (const { error } of items) output.fail(error ?? "");
    return EXIT.failed;
  }
  if (ordered) checkOrder(items, shard !== undefined, output);
  const suggested = workersFor(flags, items);
  // The network runs in the workers then, where each has one thread for it.
  const loaded = await loadWithSeed(suggested > 0 ? { ...flags, threads: 1 } : flags, output);
  const { model, contents } = loaded;
  let live: LiveServer | undefined;
  try {
    if (flags.live !== undefined) {
      // Node's HTTP modules take 20 ms of a cold start.
      const { LiveServer } = await import("../../node/live/liveServer.js");
      live = await LiveServer.open({ port: flags.live, source: items[0].source });
      output.line(`live: ${live.address}`);
    }
    const count = loaded.workersOf(flags.workers, suggested);
    describeModel(model, output, count);
    const parent = join(projectOf(flags, model), name);
    const own = shard && new ShardRun({ shard, parent, json: output.jsonFile });
    const identity = own && fingerprint("detect", flags, contents, all.map(nameOfItem));
    const skipped = identity === undefined ? undefined : await own?.skipped(flags, identity, output);
    if (skipped !== undefined) return skipped;
    const font =
      flags.nosave && !live
        ? undefined
        : await openLabelFont(model.names, { file: flags.font, onWarning: (text) => output.warn(text) });
    const videos = items.some(({ source, video }) => video || isHttp(source));
    const setup = setUpDetect(flags, loaded, { videos, font, count, output });
    try {
      const folder = own?.saveFolder ?? runFolder({ project: projectOf(flags, model), name, existOk });
      const { results, stopped, failed } = await new DetectRun({
        flags,
        output,
        model,
        items,
        folder,
        live,
        ...setup,
      }).run();
      if (own === undefined) await output.writeJson(results);
      else if (stopped === undefined) {
        await own.publish({ command: "detect", run: identity ?? "", failed }, results, output);
      }
      if (stopped !== undefined) return output.error(stopped);
      return failed > 0 ? EXIT.failed : EXIT.done;
    } finally {
      setup.workers?.dispose();
      await own?.discard();
    }
  } finally {
    await live?.close();
    model.dispose();
  }
}

/** Tracking follows pictures one after the other. */
function checkOrder(items: readonly SourceItem[], sharded: boolean, output: Output): void {
  if (sharded && items.some(({ video }) => !video)) {
    throw new UsageError("--track needs all pictures in order, which shards split up; leave one of them out");
  }
  const misordered = misorderedFrames(items);
  if (misordered !== undefined) output.warn(misordered);
}

/** A key that identifies an entry of the list. */
const nameOfItem = ({ source, video }: SourceItem): string => `${video ? "video " : ""}${source}`;

function exampleSource(weights: readonly string[] | undefined): string {
  const embedded = (weights ?? []).every((name) => name === EMBEDDED_MODEL);
  const example = join(packageRoot(), "examples", `${EMBEDDED_MODEL}.png`);
  if (embedded && existsSync(example)) return example;
  throw new UsageError("--source is missing; give a picture, a folder, a glob or a URL, for example --source bus.jpg");
}
