/** Describes the operating system's error codes and, for write errors, how to fix them. */

import { OutputError } from "../../errors.js";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is larger than the file system allows",
  ENAMETOOLONG: "the name is longer than the file system allows",
  ELOOP: "its symbolic links form a loop",
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "is a folder",
  EEXIST: "already exists",
  EMFILE: "too many open files",
  NOT_REGULAR: "is a pipe or a device, not a file",
  TOO_LARGE: "is larger than the limit of 2 GiB",
  EIO: "the device reports an error",
  EPIPE: "its reader has closed it",
  ENXIO: "it has no reader",
};

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "free some or write elsewhere",
  EDQUOT: "free some or write elsewhere",
  ENAMETOOLONG: "give a shorter one",
  EISDIR: "give the name of a file",
  ENXIO: "start its reader first",
};

export interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
}

export function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "code" in error && typeof error.code === "string" && "syscall" in error;
}

/** mkdir reports this if a file is in the way. */
const standsInTheWay = ({ code, syscall }: SystemError): boolean => code === "EEXIST" && syscall === "mkdir";

export function systemReason(error: SystemError): string {
  return standsInTheWay(error) ? "is a file, not a folder" : (REASONS[error.code] ?? error.code);
}

/** Explains why `path` cannot be written, naming it and not the temporary file. Other errors are returned unchanged. */
export function outputError(path: string, error: unknown): unknown {
  if (!isSystemError(error)) return error;
  const advice = ADVICE[error.code] ?? "write elsewhere";
  const what = standsInTheWay(error) ? `${error.path} ` : "";
  const why = what + systemReason(error);
  return new OutputError(`${path}: cannot be written: ${why}; ${advice}`, { path, code: error.code }, { cause: error });
}
