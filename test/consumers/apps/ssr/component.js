/** A component that a server renders and a browser brings to life. */
import { loadInWorker } from "yolov5-ts";

export const render = () => "<div id=app></div>";
export const mount = () => loadInWorker("/best.pt");
