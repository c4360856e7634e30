/** What every export format gives. */

export interface ExportedFile {
  readonly bytes: Uint8Array;
  /** For people. */
  readonly summary: string;
  /** What the JSON says of this format alone. */
  readonly details: Readonly<Record<string, unknown>>;
}
