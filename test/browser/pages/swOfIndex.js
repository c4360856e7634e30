/** A module service worker that imports the package's first file by its path. */
import * as engine from "./dist/index.js";
import { answerMessages } from "./swAnswers.js";

answerMessages(engine);
