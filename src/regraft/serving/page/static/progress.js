// How far a job is: a bar, what is being done, and for how long.

import { duration, h, tell } from "./dom.js";

/** Show a job in an element while it runs, and its sentence if it failed. */
export function showProgress(parent, job) {
  const failed = job && !job.running && job.error;
  if (!job || (!job.running && !failed)) {
    parent.replaceChildren();
    return;
  }
  if (failed) {
    if (parent.dataset.error !== job.error || !parent.firstChild) parent.replaceChildren(h("p", { class: "alert", role: "alert" }, job.error));
    parent.dataset.error = job.error;
    return;
  }
  delete parent.dataset.error;
  let box = parent.querySelector(".progress");
  if (!box) {
    box = h("div", { class: "progress" }, h("p", { class: "phase", role: "status" }), h("progress", { max: 1, "aria-label": "How much is done" }), h("p", { class: "hint time" }), h("ul", { class: "said" }));
    parent.replaceChildren(box);
  }
  // A screen reader need not hear every number.
  const phase = box.querySelector(".phase");
  tell(phase, `${(job.phase || "Starting").split(":")[0]} …`);
  const bar = box.querySelector("progress");
  if (job.share === null) bar.removeAttribute("value");
  else bar.value = job.share;
  const counted = job.phase.includes(":") ? `${job.phase.split(": ")[1]} · ` : "";
  tell(box.querySelector(".time"), `${counted}${duration(job.seconds)}`);
  const said = job.said.filter((sentence) => !sentence.startsWith("Audit:")).slice(0, 6);
  const list = box.querySelector(".said");
  if (list.children.length !== said.length) list.replaceChildren(...said.map((sentence) => h("li", {}, sentence)));
}
