/** A network that `compress` has made, before it is written and measured. */

import type { QuantizationFacts } from "../../compress/quantize/index.js";
import type { ModuleNode } from "../../weights/types.js";

export interface Step {
  readonly name: string;
  readonly module: ModuleNode;
  /** Store weights as float16. */
  readonly half: boolean;
  readonly int8?: QuantizationFacts;
}
