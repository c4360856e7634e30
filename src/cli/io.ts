/** What a command may touch of the process. Tests hand in their own, so that commands run in-process. */

export interface TextStream {
  write(text: string): void;
  /** The terminal behind it, for progress bars; undefined for files and pipes. */
  readonly terminal?: NodeJS.WriteStream | undefined;
}

export interface Io {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
