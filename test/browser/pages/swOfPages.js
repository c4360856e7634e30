/** A module service worker with the entry of pages, which imports the engine later: service workers may not. */
import * as engine from "./dist/page.js";
import { answerMessages } from "./swAnswers.js";

answerMessages(engine);
