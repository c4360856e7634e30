/** What a service worker of the tests does: it is sent pictures and answers with what it found. */

export function answerMessages({ load, loadInWorker }) {
  async function answer({ weights, pictures, how, options }) {
    const notes = [];
    const open = how === "load" ? load : loadInWorker;
    const model = await open(weights, { ...options, onNote: (note) => notes.push(note) });
    const found = {};
    for (const [name, picture] of Object.entries(pictures)) {
      const warnings = [];
      found[name] = await model
        .detect(picture, { imgsz: 320, onWarning: (text) => warnings.push(text) })
        .then((result) => ({
          boxes: result.xyxy.map((box) => [...box]),
          size: [result.width, result.height],
          warnings,
        }))
        .catch((error) => ({ error: `${error.name}: ${error.message}` }));
    }
    const { device } = model;
    model.dispose();
    return { found, notes, device };
  }

  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("message", (event) => {
    const { data, ports } = event;
    if (data.without) for (const name of data.without) Object.assign(globalThis, { [name]: undefined });
    event.waitUntil(
      answer(data).then(
        (result) => ports[0].postMessage(result),
        (error) => ports[0].postMessage({ error: `${error.name}: ${error.message}` }),
      ),
    );
  });
}
