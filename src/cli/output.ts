/** Where a command's words go: human text, warnings and errors, and JSON that nothing else may mix with. */

import type { LineWriter } from "../node/files/writeFile.js";
import { oneLine, printable, printableJson } from "../printable.js";
import { errorLine, exitCodeOf, InterruptedError, UsageError } from "./errors.js";
import type { Io, TextStream } from "./io.js";

export interface OutputOptions {
  /** File, or `-` for standard output. */
  readonly json?: string | undefined;
  /** File, or `-` for standard output: one JSON object a line, as they come. */
  readonly ndjson?: string | undefined;
  /** Only warnings and errors. */
  readonly quiet?: boolean | undefined;
}

export class Output {
  readonly io: Io;
  readonly quiet: boolean;
  private readonly json: string | undefined;
  private readonly ndjson: string | undefined;
  private readonly warned = new Set<string>();
  private lineFile: Promise<LineWriter> | undefined;

  constructor(io: Io, options: OutputOptions = {}) {
    this.io = io;
    this.json = options.json;
    this.ndjson = options.ndjson;
    this.quiet = options.quiet ?? false;
  }

  /** @throws UsageError where two kinds of JSON would mix on standard output. */
  checkJson(): void {
    if (this.json === "-" && this.ndjson === "-") {
      throw new UsageError("--json - and --ndjson - both want standard output; write one of them to a file");
    }
  }

  get wantsNdjson(): boolean {
    return this.ndjson !== undefined;
  }

  get wantsJson(): boolean {
    return this.json !== undefined;
  }

  /** Human text goes to standard output, except where that carries JSON. */
  private get human(): TextStream {
    return this.json === "-" || this.ndjson === "-" ? this.io.stderr : this.io.stdout;
  }

  /** True where human text and progress bars would meet on one terminal. */
  get humanOnTerminal(): boolean {
    return !this.quiet && this.human.terminal !== undefined;
  }

  /** One line: what would start another comes from a name. */
  line(text = ""): void {
    if (!this.quiet) this.human.write(`${printable(text)}\n`);
  }

  /** Lines that take work to make, such as a table's: they are made only where somebody reads them. */
  lines(make: () => readonly string[]): void {
    if (this.quiet) return;
    for (const text of make()) this.line(text);
  }

  /** Once for each text. */
  warn(text: string): void {
    if (this.warned.has(text)) return;
    this.warned.add(text);
    this.io.stderr.write(`warning: ${oneLine(text)}\n`);
  }

  /** One line about an input that failed while the run goes on. */
  fail(text: string): void {
    this.io.stderr.write(`error: ${oneLine(text)}\n`);
  }

  /** Prints what ended the run, one line, and gives the exit code. */
  error(error: unknown): number {
    if (error instanceof InterruptedError) this.io.stderr.write(`${error.message}\n`);
    else this.fail(errorLine(error));
    if (this.io.env.DEBUG && error instanceof Error) {
      const lines = stackOf(error).split("\n").map(printable);
      this.io.stderr.write(`${lines.join("\n")}\n`);
    }
    return exitCodeOf(error);
  }

  /** Writes one line of NDJSON where it was asked for; a file grows as the lines come. */
  async writeNdjson(value: unknown): Promise<void> {
    if (this.ndjson === undefined) return;
    const text = `${printableJson(value)}\n`;
    if (this.ndjson === "-") {
      this.io.stdout.write(text);
      return;
    }
    const { openForLines } = await import("../node/files/writeFile.js");
    this.lineFile ??= openForLines(this.ndjson, { signal: this.io.signal });
    await (await this.lineFile).write(text);
  }

  /** Writes the command's JSON where it was asked for, a file whole or not at all. */
  async writeJson(value: unknown): Promise<void> {
    if (this.json === undefined) return;
    const text = `${printableJson(value)}\n`;
    if (this.json === "-") {
      this.io.stdout.write(text);
      return;
    }
    const { writeAtomically } = await import("../node/files/writeFile.js");
    await writeAtomically(this.json, new TextEncoder().encode(text), { signal: this.io.signal });
  }

  /** Ends the file of lines. */
  async close(): Promise<void> {
    await this.lineFile?.then((lines) => lines.close()).catch(() => undefined);
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
