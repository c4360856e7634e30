/** The program that hosts.test.ts bundles for other hosts. */

import { hostReport } from "./hostProgram.js";

console.log(JSON.stringify(await hostReport(process.argv[2])));
