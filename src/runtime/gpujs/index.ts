export { createGpujsBackend } from "./backend.js";
