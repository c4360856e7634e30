/** The documentation site, which `npm run docs` builds. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type DefaultTheme, defineConfig } from "vitepress";
import { EXCLUDED, linksBetweenPages, sitePath } from "./pages.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Written by TypeDoc just before. */
const API = JSON.parse(
  readFileSync(new URL("../api/typedoc-sidebar.json", import.meta.url), "utf8"),
) as DefaultTheme.SidebarItem[];

const page = (text: string, link: string) => ({ text, link });

const GUIDE = [
  {
    text: "Guide",
    items: [
      page("Getting started", "/getting-started"),
      page("Command line", "/command-line"),
      page("Results", "/results"),
      page("Videos and tracking", "/video"),
      page("Hiding objects", "/hiding"),
      page("A server", "/serve"),
      page("Labels for other tools", "/labels"),
      page("Pictures", "/pictures"),
      page("In the browser", "/browser"),
      page("Measuring a model", "/val"),
      page("Faster and smaller", "/optimising"),
      page("int8", "/int8"),
      page("Many machines", "/scale"),
      page("Examples", "/examples"),
    ],
  },
  {
    text: "Reference",
    items: [
      page("What it runs", "/support"),
      page("Speed", "/speed"),
      page("Benchmark results", "/benchmarks"),
      page("Same numbers as PyTorch", "/verify"),
      page("Bundlers and runtimes", "/consumers"),
      page("Hostile files", "/hostile-files"),
      page("The embedded model", "/embedded-model"),
      page("Changelog", "/changelog"),
    ],
  },
  {
    text: "Inside",
    items: [
      page("Architecture", "/architecture"),
      page("The WebGPU backend", "/webgpu"),
      page("The WASM backend", "/wasm"),
      page("The gpu.js backend", "/gpujs"),
      page("Contributing", "/contributing"),
      page("The PyTorch twin", "/pytorch-twin"),
      page("Security", "/security"),
      page("Third-party material", "/third-party"),
    ],
  },
];

const CHINESE = [page("概览", "/zh/"), page("更快、更小", "/zh/optimising")];

export default defineConfig({
  title: "yolov5-ts",
  description: "YOLOv5 in pure TypeScript: .pt checkpoints without Python, WebGPU, WASM SIMD, Node and browsers",
  head: [["link", { rel: "icon", href: "data:," }]],
  // Pages lie all over the repository, so that they can be read there too.
  srcDir: "..",
  srcExclude: EXCLUDED,
  rewrites: (file) => sitePath(file) ?? file,
  ignoreDeadLinks: false,
  lastUpdated: false,
  vite: { publicDir: fileURLToPath(new URL("../images", import.meta.url)), build: { chunkSizeWarningLimit: 4000 } }, // the search index is large
  markdown: { config: (md) => linksBetweenPages(md, ROOT) },
  themeConfig: {
    nav: [page("Guide", "/getting-started"), page("API", "/api/yolov5-ts/"), page("Examples", "/examples")],
    sidebar: { "/": GUIDE, "/api/": API, "/zh/": CHINESE },
    outline: [2, 3],
    // Few pages exist in both languages.
    i18nRouting: false,
    search: { provider: "local" },
    docFooter: { prev: false, next: false },
  },
  locales: {
    root: { label: "English", lang: "en" },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      themeConfig: { nav: [page("英文文档", "/getting-started")], outline: { level: [2, 3], label: "本页目录" } },
    },
  },
});
