/** The user's home folder. */

import { homedir } from "node:os";

/** Undefined for a user without one, as in a container that runs under a number of its own. */
export function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}
