/** What `--source` accepts, in which order, and names that are safe to write. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cropOf } from "../../../../src/cli/detect/crop.js";
import { expandSources } from "../../../../src/cli/detect/sources/sources.js";
import { fileNameOf, safeName } from "../../../../src/cli/files/fileNames.js";
import { makeRunFolder } from "../../../../src/cli/files/runFolder.js";
import { scratchFolder } from "../../support.js";

const folder = await scratchFolder();
const path = (...names: string[]): string => join(folder, ...names);
await mkdir(path("photos", "deep", "er"), { recursive: true });
await mkdir(path("videos"));
await mkdir(path("nothing"));
for (const name of [
  "b.jpg",
  "a.PNG",
  "Z.webp",
  ".hidden.jpg",
  "notes.txt",
  "clip.mp4",
  "deep/c.jpg",
  "deep/er/d.png",
]) {
  await writeFile(path("photos", name), "");
}
await writeFile(path("videos", "clip.mp4"), "");
await writeFile(path("list.txt"), `# two\r\n${path("photos", "b.jpg")}\n\nphotos/deep\n  https://example.org/x.jpg \n`);
await writeFile(path("empty.txt"), "\n# nothing\n");
await writeFile(path("nested.txt"), "list.txt\n");
await writeFile(path("odd [1].jpg"), "");

async function expand(...sources: string[]): Promise<{ paths: string[]; errors: string[]; videos: string[] }> {
  const items = await expandSources(sources, {});
  const short = (source: string): string => source.replace(`${folder}/`, "");
  const paths = items.filter(({ error }) => error === undefined).map(({ source }) => short(source));
  const videos = items.filter(({ video }) => video).map(({ source }) => short(source));
  return { paths, errors: items.flatMap(({ error }) => error ?? []), videos };
}

test("a folder gives its pictures by name, then its videos, without subfolders", async () => {
  const { paths, errors, videos } = await expand(path("photos"));
  expect(paths).toEqual(["photos/Z.webp", "photos/a.PNG", "photos/b.jpg", "photos/clip.mp4"]);
  expect(errors).toEqual([]);
  expect(videos).toEqual(["photos/clip.mp4"]);
  expect((await expand(path("videos"))).videos).toEqual(["videos/clip.mp4"]);
  expect((await expand(path("nothing"))).errors[0]).toMatch(
    /contains no pictures or videos; pictures have the extensions .* mp4/,
  );
});

test("addresses, streams and cameras are videos; TypeScript files and still GIFs are not", async () => {
  const addresses = [
    "https://example.org/a/clip.webm?x=1",
    "https://example.org/live/index.m3u8",
    "rtsp://example.org:554/1",
    "0",
    "video=Front Camera",
  ];
  expect((await expand(...addresses)).videos).toEqual(addresses);
  await writeFile(path("code.ts"), "export {};");
  await writeFile(path("stream.ts"), Uint8Array.of(0x47, 0x40, 0));
  await writeFile(path("still.gif"), gif(1));
  await writeFile(path("moving.gif"), gif(2));
  const { videos } = await expand(path("code.ts"), path("stream.ts"), path("still.gif"), path("moving.gif"));
  expect(videos).toEqual(["stream.ts", "moving.gif"]);
});

/** A GIF of 1×1 pixel with so many pictures. */
function gif(pictures: number): Uint8Array {
  const header = [...Buffer.from("GIF89a"), 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255];
  const picture = [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
  return Uint8Array.from([...header, ...Array.from({ length: pictures }, () => picture).flat(), 0x3b]);
}

test("globs are sorted and may match subfolders", async () => {
  expect((await expand(path("photos", "*.jpg"))).paths).toEqual(["photos/b.jpg"]);
  expect((await expand(path("photos", "**", "*.[jp][pn]g"))).paths).toEqual([
    "photos/b.jpg",
    "photos/deep/c.jpg",
    "photos/deep/er/d.png",
  ]);
  expect((await expand(path("photos", "*.gif"))).errors[0]).toMatch(/matches no files/);
});

test("a file whose name looks like a glob is a file", async () => {
  expect((await expand(path("odd [1].jpg"))).paths).toEqual(["odd [1].jpg"]);
});

test("lists may have comments, empty lines, Windows line ends and paths relative to the list", async () => {
  expect((await expand(path("list.txt"))).paths).toEqual([
    "photos/b.jpg",
    "photos/deep/c.jpg",
    "https://example.org/x.jpg",
  ]);
  expect((await expand(path("empty.txt"))).errors[0]).toContain("lists no pictures");
  expect((await expand(path("nested.txt"))).errors[0]).toContain("a list inside a list");
});

test("several sources keep their order, and one that fails does not stop the others", async () => {
  const { paths, errors } = await expand(path("photos", "b.jpg"), path("none.jpg"), path("photos", "a.PNG"));
  expect(paths).toEqual(["photos/b.jpg", "photos/a.PNG"]);
  expect(errors).toEqual([expect.stringContaining("none.jpg: no such file")]);
});

test("runs that start at the same time get different folders", async () => {
  const made = await Promise.all(Array.from({ length: 5 }, () => makeRunFolder(path("project"), "exp", false)));
  expect(made.map((name) => name.replace(`${folder}/project/`, "")).sort()).toEqual([
    "exp",
    "exp2",
    "exp3",
    "exp4",
    "exp5",
  ]);
  expect(await makeRunFolder(path("project"), "exp", true)).toBe(path("project", "exp"));
});

test("names from checkpoints and URLs cannot leave the run's folder", () => {
  expect(safeName("../../etc/passwd", "x")).not.toMatch(/[/\\]|^\./);
  expect(safeName("..", "class3")).toBe("class3");
  expect(safeName("", "class3")).toBe("class3");
  expect(safeName("a/b\\c\u0000d", "x")).toBe("a_b_c_d");
  expect(safeName("人", "x")).toBe("人");
  expect(fileNameOf("https://example.org/a/b%20c.jpg?size=1")).toBe("b c.jpg");
  expect(fileNameOf("https://example.org/..%2f..%2fx.jpg")).not.toContain("/");
  expect(fileNameOf("https://example.org/100%.jpg")).toBe("100%.jpg");
  expect(fileNameOf("https://example.org/")).toBe("picture");
});

test("crops are the box × 1.02 + 10 pixels, clipped to the picture", () => {
  const image = { width: 100, height: 80, data: new Uint8Array(100 * 80 * 3).map((_, i) => i % 251) };
  const box = { confidence: 1, class: 0, name: "x" };
  const inner = cropOf(image, { ...box, xmin: 20, ymin: 30, xmax: 60, ymax: 50 });
  // x: 40 ± (40 × 1.02 + 10) / 2 = 14.6 to 65.4; y: 40 ± 15.2.
  expect([inner?.width, inner?.height]).toEqual([65 - 14, 55 - 24]);
  expect(inner?.data[0]).toBe(image.data[(24 * 100 + 14) * 3]);
  const corner = cropOf(image, { ...box, xmin: -5, ymin: -5, xmax: 3, ymax: 3 });
  expect([corner?.width, corner?.height]).toEqual([8, 8]);
});
