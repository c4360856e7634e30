/** Prometheus metrics of one server. */

import type * as Prometheus from "prom-client";
import type { QueueLimit } from "./batching/queueLimit.js";
import type { Refusal } from "./requestError.js";
import type { StageTimes } from "./work/jobs.js";

/** Seconds: from a tiny network on a GPU to a full queue on a slow CPU. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const BATCHES = [1, 2, 4, 8, 16, 32, 64];

export class Metrics {
  readonly contentType: string;
  private readonly registry: Prometheus.Registry;
  private readonly requests: Prometheus.Counter;
  private readonly refusals: Prometheus.Counter;
  private readonly stages: Prometheus.Histogram;
  private readonly batches: Prometheus.Histogram;

  constructor({ Registry, Counter, Gauge, Histogram, collectDefaultMetrics }: typeof Prometheus, limit: QueueLimit) {
    const registry = new Registry();
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    this.requests = new Counter({
      name: "yolov5_requests_total",
      help: "Answered requests.",
      labelNames: ["route", "status"],
      registers,
    });
    this.refusals = new Counter({
      name: "yolov5_refusals_total",
      help: "Requests without a result, by reason.",
      labelNames: ["reason"],
      registers,
    });
    this.stages = new Histogram({
      name: "yolov5_stage_seconds",
      help: "Time per picture in each stage: read, queue, decode, preprocess, inference, postprocess, encode; total is a whole request.",
      labelNames: ["stage"],
      buckets: SECONDS,
      registers,
    });
    this.batches = new Histogram({
      name: "yolov5_batch_size",
      help: "Number of pictures in the batch in which a picture was computed.",
      buckets: BATCHES,
      registers,
    });
    const waiting: Prometheus.Gauge = new Gauge({
      name: "yolov5_queue_length",
      help: "Pictures waiting in the queue.",
      registers,
      collect: () => waiting.set(limit.waiting),
    });
    new Gauge({ name: "yolov5_queue_limit", help: "Maximum number of pictures waiting in the queue.", registers }).set(
      limit.most,
    );
    this.registry = registry;
    this.contentType = registry.contentType;
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  request(route: string, status: number): void {
    this.requests.inc({ route, status: String(status) });
  }

  refused(reason: Refusal): void {
    this.refusals.inc({ reason });
  }

  /** @param ms milliseconds. */
  stage(stage: string, ms: number): void {
    this.stages.observe({ stage }, ms / 1000);
  }

  /** A picture that was computed. */
  computed(ms: StageTimes, waited: number, batch: number): void {
    this.stage("queue", waited);
    for (const [stage, time] of Object.entries(ms)) this.stage(stage, time);
    this.batches.observe(batch);
  }
}
