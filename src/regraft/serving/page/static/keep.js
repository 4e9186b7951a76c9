// Step 5: the files to take away.

import { byId, h, tell } from "./dom.js";
import { showProgress } from "./progress.js";
import { ask } from "./server.js";
import { change } from "./store.js";

const FILES = [
  { name: "model.regraft", title: "The classifier", text: "For regraft predict, regraft serve and Python; it holds the model card, and no photos." },
  { name: "model.onnx", title: "The ONNX file", text: "For programs without Regraft: ONNX Runtime runs it on phones, in browsers and on servers." },
  { name: "report.html", title: "The report", text: "One page with all figures and mistakes, to read, to print and to send." },
];

let complain = () => {};

/** Set the step up; refusals go to `fail`. */
export function startKeep(fail) {
  complain = fail;
  byId("files").append(...FILES.map((file) => h("article", { class: "file", id: `file-${file.name}` },
    h("h2", {}, file.title), h("p", {}, file.text), h("p", { class: "size", hidden: true }),
    h("div", { class: "job" }),
    h("a", { class: "button primary", href: `/page/files/${file.name}?download`, download: file.name, hidden: true }),
    file.name === "model.onnx" ? h("button", { type: "button", id: "make-onnx", hidden: true, onclick: make }, "Make it") : null)));
}

async function make() {
  await change(() => ask("POST", "/page/onnx")).catch(complain);
}

/** Show which files are there, and which can be made. */
export function showKeep(state) {
  for (const file of FILES) {
    const box = byId(`file-${file.name}`), size = state.files[file.name], link = box.querySelector("a");
    tell(link, size === null ? "" : `Download ${file.name}`);
    tell(box.querySelector(".size"), size === null ? "" : megabytes(size));
    if (file.name !== "model.onnx") continue;
    const job = state.jobs.onnx;
    showProgress(box.querySelector(".job"), size === null || job?.running ? job : null);
    byId("make-onnx").hidden = size !== null || Boolean(job?.running);
    if (job?.running) link.hidden = true;
  }
}

function megabytes(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3)).toLocaleString("en")} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
