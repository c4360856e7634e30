/** The page of `LiveServer`. */

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>yolov5-ts live</title>
<link rel="stylesheet" href="/page.css">
<main>
  <h1 id="source">yolov5-ts</h1>
  <img id="stream" src="/stream" alt="Live picture with the objects that were found">
  <p id="state" role="status">Waiting for the first frame …</p>
  <dl id="counts"></dl>
</main>
<script src="/page.js"></script>
</html>
`;

export const STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 80rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
img { display: block; width: 100%; min-height: 8rem; background: #8883; border-radius: .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; margin: 0; padding: 0; }
dl div { display: flex; gap: .5rem; }
dt { overflow-wrap: anywhere; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
`;

export const SCRIPT = `const element = (id) => document.getElementById(id);
const stream = element("stream");
let lost = false;

function reconnect() {
  stream.src = "/stream?" + Date.now();
}
stream.addEventListener("error", () => setTimeout(reconnect, 1000));

function show({ source, waiting, frames, fps, counts, viewers }) {
  document.title = source + " – yolov5-ts live";
  element("source").textContent = source;
  const many = viewers === 1 ? "1 viewer" : viewers + " viewers";
  element("state").textContent = waiting ?? fps.toFixed(1) + " FPS, " + frames + " frames, " + many;
  const rows = Object.entries(counts).map(([name, count]) => {
    const row = document.createElement("div");
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    value.textContent = count;
    row.append(term, value);
    return row;
  });
  element("counts").replaceChildren(...rows);
}

async function poll() {
  try {
    show(await (await fetch("/status")).json());
    if (lost) reconnect();
    lost = false;
  } catch {
    lost = true;
    element("state").textContent = "The run has ended, or cannot be reached.";
  }
  setTimeout(poll, 500);
}
poll();
`;
