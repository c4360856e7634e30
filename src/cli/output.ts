/**
 * Where a command's output goes: human-readable text, warnings and errors, and JSON, which nothing else may mix with.
 */

import { withoutSecrets } from "../api/address.js";
import type { LineWriter } from "../node/files/writeFile.js";
import { oneLine, printable, printableJson } from "../printable.js";
import { errorLine, exitCodeOf, InterruptedError, UsageError } from "./errors.js";
import type { Io, TextStream } from "./io.js";

export interface OutputOptions {
  /** File, or `-` for standard output. */
  readonly json?: string | undefined;
  /** File, or `-` for standard output: one JSON object per line, written as results arrive. */
  readonly ndjson?: string | undefined;
  /** Print only warnings and errors. */
  readonly quiet?: boolean | undefined;
}

export class Output {
  readonly io: Io;
  readonly quiet: boolean;
  /** Results are collected for JSON even if it is not written here. */
  keepsJson = false;
  private json: string | undefined;
  private readonly ndjson: string | undefined;
  private readonly warned = new Set<string>();
  private lineFile: Promise<LineWriter> | undefined;

  constructor(io: Io, options: OutputOptions = {}) {
    this.io = io;
    this.json = options.json;
    this.ndjson = options.ndjson;
    this.quiet = options.quiet ?? false;
  }

  /** @throws UsageError if two kinds of JSON would mix on standard output. */
  checkJson(): void {
    if (this.json === "-" && this.ndjson === "-") {
      throw new UsageError("--json - and --ndjson - cannot share standard output; write one of them to a file");
    }
  }

  get wantsNdjson(): boolean {
    return this.ndjson !== undefined;
  }

  get wantsJson(): boolean {
    return this.json !== undefined || this.keepsJson;
  }

  /** The file of `--json`; undefined for none, and for standard output. */
  get jsonFile(): string | undefined {
    return this.json === "-" ? undefined : this.json;
  }

  set jsonFile(path: string | undefined) {
    this.json = path;
  }

  /** Human-readable text goes to standard output, unless that carries JSON. */
  private get human(): TextStream {
    return this.json === "-" || this.ndjson === "-" ? this.io.stderr : this.io.stdout;
  }

  /** True if human-readable text and progress bars share one terminal. */
  get humanOnTerminal(): boolean {
    return !this.quiet && this.human.terminal !== undefined;
  }

  /** Keeps it to one line: a line break in it can only come from a name. */
  line(text = ""): void {
    if (!this.quiet) this.human.write(`${printable(withoutSecrets(text))}\n`);
  }

  /** One line on standard error, for commands whose standard output is for programs. */
  note(text: string): void {
    if (!this.quiet) this.io.stderr.write(`${printable(withoutSecrets(text))}\n`);
  }

  /** Prints lines that are costly to build, such as a table's; `lines` is called only if they are shown. */
  lines(make: () => readonly string[]): void {
    if (this.quiet) return;
    for (const text of make()) this.line(text);
  }

  /** Prints each distinct message once. */
  warn(text: string): void {
    if (this.warned.has(text)) return;
    this.warned.add(text);
    this.io.stderr.write(`warning: ${oneLine(withoutSecrets(text))}\n`);
  }

  /** Prints one line about a failed input while the run continues. */
  fail(text: string): void {
    this.io.stderr.write(`error: ${oneLine(withoutSecrets(text))}\n`);
  }

  /** Prints one line about what ended the run. @returns the exit code. */
  error(error: unknown): number {
    if (error instanceof InterruptedError) this.io.stderr.write(`${error.message}\n`);
    else this.fail(errorLine(error));
    if (this.io.env.DEBUG && error instanceof Error) {
      const lines = stackOf(error).split("\n").map(printable);
      this.io.stderr.write(`${lines.join("\n")}\n`);
    }
    return exitCodeOf(error);
  }

  /** Writes one line of NDJSON if requested; a file grows line by line. */
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

  /** Writes the command's JSON if requested. A file is written whole or not at all. */
  async writeJson(value: unknown): Promise<void> {
    if (this.json === undefined) return;
    const text = `${printableJson(value)}\n`;
    if (this.json === "-") {
      this.io.stdout.write(text);
      return;
    }
    const { writeAtomically } = await import("../node/files/writeFile.js");
    await writeAtomically(this.json, text, { signal: this.io.signal });
  }

  /** Closes the NDJSON file. */
  async close(): Promise<void> {
    await this.lineFile?.then((lines) => lines.close()).catch(() => undefined);
  }
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
