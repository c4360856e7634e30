/** What exporting to any format returns. */

export interface ExportedFile {
  readonly bytes: Uint8Array;
  /** Human-readable. */
  readonly summary: string;
  /** JSON fields specific to this format. */
  readonly details: Readonly<Record<string, unknown>>;
}
