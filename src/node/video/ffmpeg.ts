/** Starts the system's ffmpeg and ffprobe, and explains in one line if they are missing. */

import { type ChildProcess, type ChildProcessByStdio, type SpawnOptions, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { withoutSecrets } from "../../api/address.js";
import { VideoError } from "../../errors.js";
import { abortReason } from "../../yolov5/calls/abort.js";

export type Tool = "ffmpeg" | "ffprobe";

/** `FFMPEG_PATH` and `FFPROBE_PATH` point to programs that are not on the PATH. */
function programOf(tool: Tool): string {
  return process.env[`${tool.toUpperCase()}_PATH`] || tool;
}

/** Ctrl-C in a terminal reaches all of its processes; these must survive it to finish their file. */
const OPTIONS: SpawnOptions = { detached: process.platform !== "win32", windowsHide: true };

export type ToolEnvironment = Readonly<Record<string, string | undefined>>;

/** Starts the tool with its output piped, and its input too if `input` is set. */
export function startTool(
  tool: Tool,
  args: readonly string[],
  input: true,
  env?: ToolEnvironment,
): ChildProcessByStdio<Writable, null, Readable>;
export function startTool(
  tool: Tool,
  args: readonly string[],
  input: false,
  env?: ToolEnvironment,
): ChildProcessByStdio<null, Readable, Readable>;
export function startTool(
  tool: Tool,
  args: readonly string[],
  input: boolean,
  env: ToolEnvironment = process.env,
): ChildProcess {
  return spawn(programOf(tool), args, {
    ...OPTIONS,
    env,
    stdio: input ? ["pipe", "ignore", "pipe"] : ["ignore", "pipe", "pipe"],
  });
}

/** The error for a tool that did not start. */
export function startError(tool: Tool, source: string, error: NodeJS.ErrnoException): VideoError {
  const program = programOf(tool);
  const variable = `${tool.toUpperCase()}_PATH`;
  const why =
    error.code === "ENOENT" && program !== tool
      ? `${variable}=${program} is not a program; correct it, or unset it to use the ${tool} on the PATH`
      : error.code === "ENOENT"
        ? `${program} was not found; install ffmpeg (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg) ` +
          `or set ${variable}`
        : `${program} could not be started (${error.code ?? error.message})`;
  return new VideoError(`${source}: videos need ffmpeg: ${why}`, { source, program }, { cause: error });
}

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a tool to completion and collects its output.
 * @throws VideoError if it is missing or does not answer in time; the reason of `signal`.
 */
export function askTool(
  tool: Tool,
  args: readonly string[],
  source: string,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly timeoutMs?: number | undefined;
    readonly env?: ToolEnvironment | undefined;
  } = {},
): Promise<Answer> {
  const { signal, timeoutMs = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const child = startTool(tool, args, false, options.env);
    let [stdout, stderr] = ["", ""];
    const stop = (): void => void child.kill("SIGKILL");
    const timer = setTimeout(() => {
      stop();
      reject(new VideoError(`${source}: no answer for ${timeoutMs / 1000} s; is the address right and reachable?`));
    }, timeoutMs);
    const end = (act: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      act();
    };
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.on("error", (error) => end(() => reject(startError(tool, source, error))));
    child.on("close", (code) =>
      end(() => {
        if (signal?.aborted) reject(abortReason(signal));
        else resolve({ code, stdout, stderr });
      }),
    );
  });
}

/**
 * ffmpeg's error message, shortened: without passwords, memory addresses, and the file's name, which the surrounding
 * message has.
 */
export function plainComplaint(line: string): string {
  return withoutSecrets(line)
    .replace(/^(\[[^\]]*\] ?)+/, "")
    .replace(/^(file:|[a-z][a-z\d+.-]*:\/\/|\/dev\/)\S*: /, "")
    .trim();
}
