/** The parts of the process that a command may use. Tests pass their own, so that commands run in-process. */

export interface TextStream {
  write(text: string): void;
  /** The underlying terminal, for progress bars; undefined for files and pipes. */
  readonly terminal?: NodeJS.WriteStream | undefined;
}

export interface Io {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
