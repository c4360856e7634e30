/** A local site and a browser that are open while the tests of one group run. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { launchChromium, watchErrors } from "./chromium.js";
import { createWorkspace, type Workspace } from "./dist.js";
import { openPlain, type Policy } from "./pages.js";
import { type Mount, type Site, serveSite } from "./server.js";

/** What the tests of a group use; open from their first test to their last. */
export class SiteAndBrowser {
  private opened: { readonly workspace: Workspace; readonly site: Site; readonly browser: Browser } | undefined;

  /** @param mounts the folders and answers of the site. */
  constructor(mounts: (workspace: Workspace) => readonly Mount[] | Promise<readonly Mount[]>) {
    const closing: (() => unknown)[] = [];
    beforeAll(async () => {
      const workspace = createWorkspace();
      closing.push(() => workspace.dispose());
      const site = await serveSite(await mounts(workspace));
      closing.push(() => site.close());
      const browser = await launchChromium();
      closing.push(() => browser.close());
      this.opened = { workspace, site, browser };
    });
    afterAll(async () => {
      for (const close of closing.reverse()) await close();
    });
  }

  private get use() {
    if (!this.opened) throw new Error("the site is open only while tests run");
    return this.opened;
  }

  get workspace(): Workspace {
    return this.use.workspace;
  }

  get browser(): Browser {
    return this.use.browser;
  }

  get origin(): string {
    return this.use.site.origin;
  }

  /** The plain page under a policy, in a new tab whose errors are recorded. */
  async open(policy: Policy): Promise<{ page: Page; errors: readonly string[] }> {
    const page = await this.browser.newPage();
    const errors = watchErrors(page);
    await openPlain(page, this.origin, policy);
    return { page, errors };
  }
}
