/** Tables of `docs/consumers.md` that tests produce: rows come in as they pass, and the page must say the same. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { REPOSITORY } from "./reference.js";

const PAGE = join(REPOSITORY, "docs/consumers.md");

export class Matrix {
  private readonly rows: (readonly string[])[] = [];
  private readonly name: string;
  private readonly head: readonly string[];

  constructor(name: string, head: readonly string[]) {
    this.name = name;
    this.head = head;
  }

  add(...row: readonly string[]): void {
    this.rows.push(row);
  }

  /** Compares with the page; with UPDATE_DOCS=1 writes it. */
  check(): void {
    const begin = `<!-- table: ${this.name} -->\n`;
    const end = `\n<!-- end: ${this.name} -->`;
    const page = readFileSync(PAGE, "utf8");
    const [from, to] = [page.indexOf(begin), page.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/consumers.md has no place for the table ${this.name}`);
    const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
    const table = [line(this.head), line(this.head.map(() => "---")), ...this.rows.map(line)].join("\n");
    if (process.env.UPDATE_DOCS === "1") {
      writeFileSync(PAGE, page.slice(0, from + begin.length) + table + page.slice(to));
    } else {
      expect(page.slice(from + begin.length, to), "run the tests with UPDATE_DOCS=1 to write docs/consumers.md").toBe(
        table,
      );
    }
  }
}
