/** The files with counts: `counts.csv` of the run, and a heat map of each video. */

import { encodePng } from "../../../image/index.js";
import { fileNameOf, splitName } from "../../files/fileNames.js";
import type { Saver } from "../save.js";
import { type Counts, countsCsv } from "./counts.js";
import type { Sequence } from "./sequence.js";

export class CountFiles {
  private readonly sequence: Sequence;
  private readonly saver: Saver;
  private readonly entries: { readonly source: string; readonly counts: Counts }[] = [];

  private readonly csv: boolean;

  /** @param csv whether to write it; heat maps are always written. */
  constructor(sequence: Sequence, saver: Saver, csv: boolean) {
    this.sequence = sequence;
    this.saver = saver;
    this.csv = csv;
  }

  /**
   * Call it after the last frame of a video or of pictures, before the sequence starts over. Writes the heat map.
   * @param source undefined: pictures.
   * @throws OutputError.
   */
  async end(source: string | undefined): Promise<void> {
    const { counts } = this.sequence;
    if (counts) this.entries.push({ source: source ?? "pictures", counts });
    const picture = this.sequence.heatPicture();
    if (!picture) return;
    const stem = source === undefined ? "heatmap" : `${splitName(fileNameOf(source)).stem}_heatmap`;
    await this.saver.writeFile(stem, ".png", encodePng(picture));
  }

  /** Writes the CSV of the whole run. @throws OutputError. */
  async finish(): Promise<void> {
    if (!this.csv || this.entries.length === 0) return;
    await this.saver.writeFile("counts", ".csv", new TextEncoder().encode(countsCsv(this.entries)));
  }
}
