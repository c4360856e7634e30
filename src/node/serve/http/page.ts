/** The page at `/`: choose a picture, see it annotated, with its boxes. Everything is inline, and nothing is loaded from other sites. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
form { display: flex; flex-wrap: wrap; gap: 1rem; align-items: end; }
label { display: grid; gap: .25rem; }
input, select, button { font: inherit; padding: .3rem; }
img { max-width: 100%; margin-top: 1rem; }
table { border-collapse: collapse; margin-top: 1rem; }
td, th { padding: .2rem .8rem .2rem 0; text-align: left; font-variant-numeric: tabular-nums; }
`;

export const PAGE_SCRIPT = `
const form = document.querySelector("form");
const [picture, rows, message] = ["img", "tbody", "output"].map((name) => document.querySelector(name));
const headers = () => (form.key.value ? { "x-api-key": form.key.value } : {});
const ask = async (body, query) => {
  const answer = await fetch("detect?" + new URLSearchParams(query), { method: "POST", body, headers: headers() });
  if (answer.ok) return answer;
  throw new Error((await answer.json()).error);
};
const models = async () => {
  const answer = await fetch("v2/repository/index", { method: "POST", headers: headers() });
  if (!answer.ok) return;
  const names = new Set((await answer.json()).map(({ name }) => name));
  form.model.replaceChildren(...[...names].map((name) => new Option(name)));
};
form.addEventListener("change", async (event) => {
  if (event.target === form.key) await models();
  const [file] = form.file.files;
  if (!file) return;
  message.textContent = "\\u2026";
  const query = { conf: form.conf.value, ...(form.model.value ? { model: form.model.value } : {}) };
  try {
    const [json, drawn] = await Promise.all([ask(file, query), ask(file, { ...query, annotate: "jpeg" })]);
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(await drawn.blob());
    const [{ detections, top5, speed }] = (await json.json()).images;
    const found = detections ?? top5;
    rows.replaceChildren(...found.map((one) => {
      const row = document.createElement("tr");
      const numbers = [one.confidence.toFixed(3), ...[one.xmin, one.ymin, one.xmax, one.ymax].map((x) => x?.toFixed(1) ?? "")];
      for (const text of [one.name, ...numbers]) row.append(Object.assign(document.createElement("td"), { textContent: text }));
      return row;
    }));
    message.textContent = found.length + " found, inference " + speed.inference.toFixed(1) + " ms";
  } catch (error) {
    message.textContent = error.message;
  }
});
form.addEventListener("submit", (event) => event.preventDefault());
models();
`;

export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>yolov5 serve</title>
<style>${PAGE_STYLE}</style>
<h1>yolov5 serve</h1>
<form>
  <label>Picture <input type="file" name="file" accept="image/*"></label>
  <label>Model <select name="model"></select></label>
  <label>Confidence <input type="number" name="conf" value="0.25" min="0" max="1" step="0.05"></label>
  <label>API key <input type="password" name="key" autocomplete="off"></label>
</form>
<p><output></output></p>
<img alt="">
<table>
  <thead><tr><th>Class</th><th>Confidence</th><th>xmin</th><th>ymin</th><th>xmax</th><th>ymax</th></tr></thead>
  <tbody></tbody>
</table>
<p><a href="openapi.json">OpenAPI</a></p>
<script>${PAGE_SCRIPT}</script>
</html>
`;
