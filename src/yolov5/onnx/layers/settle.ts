/** Orders a convolution's outputs as they are read: the queries, keys and values of all heads, which one convolution gives head by head. */

import { allocate, type DataByDType, type DType, type HostTensor } from "../../../tensor/index.js";
import { moduleOf } from "./modules.js";
import type { Translation } from "./translation.js";

/** Rows of a tensor in another order. */
function gatherRows<D extends DType>({ dtype, shape, data }: HostTensor<D>, order: readonly number[]): HostTensor<D> {
  const step = data.length / shape[0];
  const gathered: DataByDType[DType] = allocate(dtype, data.length);
  for (const [to, from] of order.entries()) {
    for (let i = 0; i < step; i++) gathered[to * step + i] = data[from * step + i];
  }
  return { dtype, shape, data: gathered as DataByDType[D] };
}

/**
 * Where all that reads a convolution picks channels of its own, none twice, the convolution gives them in that order and
 * each pick is a run. Steps stay in their places.
 * @param outputs steps that are read from outside.
 */
export function settlePicks(translation: Translation, outputs: ReadonlySet<number>): void {
  const { steps, picks } = translation;
  const readers = steps.map((): number[] => []);
  for (const [id, { from }] of steps.entries()) for (const source of from) readers[source]?.push(id);
  for (const [id, step] of steps.entries()) {
    const { module } = step;
    const lists = readers[id].map((reader) => picks.get(reader));
    const order = lists.flatMap((list) => list ?? []);
    const weight = module.parameters.get("weight");
    const whole = lists.every((list) => list !== undefined) && new Set(order).size === order.length;
    const plain = module.type === "Conv2d" && weight && module.attributes.get("groups") === 1;
    if (lists.length === 0 || !whole || !plain || order.length !== weight.shape[0] || outputs.has(id)) continue;
    for (const tensor of module.parameters.values()) translation.charge(tensor.data.byteLength);
    const parameters = [...module.parameters].map(([name, tensor]) => [name, gatherRows(tensor, order)] as const);
    step.module = { ...module, parameters: new Map(parameters) };
    let start = 0;
    for (const reader of readers[id]) {
      const end = start + (picks.get(reader)?.length ?? 0);
      steps[reader].module = moduleOf("yolov5_ts.ChannelSlice", { attributes: { start, end } });
      start = end;
    }
  }
}
