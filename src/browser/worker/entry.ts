/** What runs in the worker of `loadInWorker`: dist/worker.js, and the text that the browser entry carries. */

import { serve } from "./host.js";
import type { Port } from "./protocol.js";

serve(globalThis as unknown as Port);
