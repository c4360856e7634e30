/** A module service worker as extensions and offline pages have it. */
import * as engine from "./dist/service-worker.js";
import { answerMessages } from "./swAnswers.js";

answerMessages(engine);
