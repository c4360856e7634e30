/** Assembles functions into a WebAssembly module over an imported memory and, where it has one, an imported function table. */

import { Code, type Target } from "./code.js";
import { FunctionBuilder, type FunctionRef } from "./function.js";

interface Defined {
  readonly builder: FunctionBuilder;
  readonly exported: boolean;
  readonly slot: number;
}

const I32_TYPE = 0x7f;

export class ModuleBuilder {
  private readonly functions: Defined[] = [];
  private readonly types: string[] = [];
  private slots = 0;

  /** @param firstSlot of the imported table, for modules that call through one or fill it: other modules fill the slots before */
  constructor(
    readonly target: Target,
    private readonly firstSlot?: number,
  ) {}

  /** Index of the type with that many i32 parameters and, perhaps, an i32 result. */
  typeIndex(parameters: number, returns: boolean): number {
    const key = `${parameters}:${returns ? 1 : 0}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    return this.types.push(key) - 1;
  }

  /**
   * Adds a function of i32 parameters.
   * `build` writes the body; `exported` gives it its name outside; `inTable` a slot for indirect calls; for `unfused`
   * see `Target`.
   */
  define(
    name: string,
    parameters: number,
    options: {
      readonly returns?: boolean;
      readonly exported?: boolean;
      readonly inTable?: boolean;
      readonly unfused?: boolean;
    },
    build: (f: FunctionBuilder) => void,
  ): FunctionRef & { readonly slot: number } {
    const returns = options.returns ?? false;
    this.typeIndex(parameters, returns);
    const target = options.unfused ? { ...this.target, unfused: true } : this.target;
    const builder = new FunctionBuilder(target, name, parameters, returns);
    const index = this.functions.length;
    const slot = options.inTable ? (this.firstSlot ?? 0) + this.slots++ : -1;
    this.functions.push({ builder, exported: options.exported ?? false, slot });
    build(builder);
    return { index, parameters, returns, slot };
  }

  /**
   * The module's bytes. It imports `env.memory` with at least `initialPages` and at most `maximumPages`, and `env.table`, which
   * must have the slots that it fills, where it was made with a first slot.
   */
  finish(initialPages: number, maximumPages: number): Uint8Array<ArrayBuffer> {
    const out = new Code(this.target);
    out.byte(0x00, 0x61, 0x73, 0x6d).byte(0x01, 0x00, 0x00, 0x00);
    const section = (id: number, fill: (content: Code) => void): void => {
      const content = new Code(this.target);
      fill(content);
      const bytes = content.finish();
      out.byte(id).unsigned(bytes.length).append(bytes);
    };
    section(1, (content) => {
      content.unsigned(this.types.length);
      for (const key of this.types) {
        const [parameters, results] = key.split(":").map(Number);
        content.byte(0x60).unsigned(parameters);
        for (let i = 0; i < parameters; i++) content.byte(I32_TYPE);
        content.unsigned(results);
        for (let i = 0; i < results; i++) content.byte(I32_TYPE);
      }
    });
    section(2, (content) => {
      content.unsigned(this.firstSlot === undefined ? 1 : 2);
      content.name("env").name("memory").byte(0x02);
      content
        .byte(this.target.shared ? 0x03 : 0x01)
        .unsigned(initialPages)
        .unsigned(maximumPages);
      if (this.firstSlot === undefined) return;
      content.name("env").name("table").byte(0x01, 0x70, 0x00);
      content.unsigned(this.firstSlot + this.slots);
    });
    section(3, (content) => {
      content.unsigned(this.functions.length);
      for (const { builder } of this.functions) {
        content.unsigned(this.typeIndex(builder.parameterCount, builder.returns));
      }
    });
    section(7, (content) => {
      const exported = this.functions.map((f, index) => ({ ...f, index })).filter((f) => f.exported);
      content.unsigned(exported.length);
      for (const { builder, index } of exported) content.name(builder.name).byte(0x00).unsigned(index);
    });
    section(9, (content) => {
      const inTable = this.functions.map((f, index) => ({ ...f, index })).filter((f) => f.slot >= 0);
      content.unsigned(inTable.length > 0 ? 1 : 0);
      if (inTable.length === 0) return;
      content
        .unsigned(0)
        .byte(0x41)
        .signed(this.firstSlot ?? 0)
        .byte(0x0b)
        .unsigned(inTable.length);
      for (const { index } of inTable) content.unsigned(index);
    });
    section(10, (content) => {
      content.unsigned(this.functions.length);
      for (const { builder } of this.functions) {
        const body = builder.finish();
        content.unsigned(body.length).append(body);
      }
    });
    section(0, (content) => {
      const names = new Code(this.target);
      names.unsigned(this.functions.length);
      this.functions.forEach(({ builder }, index) => {
        names.unsigned(index).name(builder.name);
      });
      const bytes = names.finish();
      content.name("name").byte(0x01).unsigned(bytes.length).append(bytes);
    });
    return out.finish();
  }
}
