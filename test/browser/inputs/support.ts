/** The site for tests of what pages pass to the engine, and helpers inside its page. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { REPOSITORY } from "../../support/reference.js";
import { type EngineWindow, type Policy, plainSites } from "../support/pages.js";
import { SiteAndBrowser } from "../support/siteAndBrowser.js";

/** What `page.evaluate` sees. */
export interface Helpers extends EngineWindow {
  /** Number of boxes, or `Name: message`. */
  outcome(work: Promise<unknown>): Promise<number | string>;
  bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>>;
}

export const installHelpers = (): void => {
  Object.assign(globalThis, {
    outcome: (work: Promise<{ length?: number; names?: readonly string[]; dispose?: () => void }>) =>
      work.then(
        (result) => result.length ?? result.names?.length,
        (error: Error) => `${error.name}: ${error.message}`,
      ),
    bytesOf: async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer()),
  });
};

/** Call it within `describe`. The site has a folder behind a password and one whose answers never end. */
export function inputSite() {
  const opened = new SiteAndBrowser((workspace) => [
    {
      at: "/login/",
      from: (path, response) => {
        const { authorization } = response.req.headers;
        if (authorization !== `Basic ${Buffer.from("me:pä@ss").toString("base64")}`) return false;
        response.end(readFileSync(join(REPOSITORY, path)));
        return true;
      },
    },
    {
      at: "/slow/",
      from: (_, response) => {
        response.setHeader("Content-Length", 100_000);
        response.write(Buffer.alloc(1000));
        return true;
      },
    },
    { at: "/plain/bundled/", from: join(workspace.folder, "bundled"), headers: { "Service-Worker-Allowed": "/" } },
    ...plainSites(workspace),
  ]);
  return {
    folder: () => opened.workspace.folder,
    origin: () => opened.origin,
    async open(policy: Policy = "/plain/"): Promise<{ page: Page; errors: readonly string[] }> {
      const tab = await opened.open(policy);
      await tab.page.evaluate(installHelpers);
      return tab;
    },
  };
}
