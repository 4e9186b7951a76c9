// Step 2: what is wrong with the photos, in plain words, with the pictures concerned.

import { byId, h, tell } from "./dom.js";
import { showProgress } from "./progress.js";
import { ask } from "./server.js";
import { change } from "./store.js";

let shown = "", complain = () => {};

/** Set the step up; refusals go to `fail`. */
export function startCheck(fail) {
  complain = fail;
}

/** Show the audit, or how far it is. */
export function showCheck(state) {
  const job = state.jobs.audit, done = job && !job.running && !job.error;
  showProgress(byId("check-progress"), job);
  byId("audit-report").hidden = !done;
  byId("check-again").hidden = !job || job.running || !job.stale;
  byId("start-training").hidden = !done;
  byId("start-training").classList.toggle("primary", !job?.stale);
  byId("check-again").classList.toggle("primary", Boolean(job?.stale));
  const box = byId("check-found");
  if (!done) {
    box.replaceChildren();
    shown = "";
    return;
  }
  // Pictures are not drawn anew unless something changed: a button in them may have the focus.
  const now = JSON.stringify([state.findings, job.stale, state.version, !state.folder]);
  if (now === shown) return;
  shown = now;
  const names = state.folder ? [] : state.classes.map((item) => item.name).filter(Boolean);
  const there = new Set(state.folder ? [] : state.classes.flatMap((item) => item.photos.map((photo) => photo.id)));
  const labels = new Map(state.folder ? [] : state.classes.flatMap((item) => item.photos.map((photo) => [photo.id, item.name])));
  const found = state.findings;
  box.replaceChildren(
    h("p", { class: found.length ? "verdict" : "verdict good" }, verdict(found)),
    h("dl", { class: "looked" }, state.looked.map((item) => h("div", {}, h("dt", {}, item.name), h("dd", { class: item.found ? "some" : "" }, item.text)))),
    job.stale ? h("p", { class: "alert" }, "The photos have changed since this check: check again, or train with them as they are.") : "",
    h("ul", { class: "findings" }, found.map((finding) => h("li", { class: "finding" },
      h("h2", {}, finding.title), h("p", {}, finding.text),
      finding.pictures.length ? h("ul", { class: "pictures" }, finding.pictures.map((picture) => drawn(picture, state.folder, there, labels, names))) : null))));
}

function verdict(found) {
  if (!found.length) return "Nothing was found that must be mended.";
  return `${found.length === 1 ? "One thing" : `${found.length} things`} to look at before it learns from these photos.`;
}

function drawn(picture, folder, there, labels, names) {
  const gone = !folder && !there.has(picture.id);
  const label = folder ? picture.label : labels.get(picture.id) ?? picture.label;
  const moved = label !== picture.label;
  const buttons = folder || gone ? null : h("p", { class: "mend" },
    picture.suggested && names.includes(picture.suggested) && !moved
      ? h("button", { type: "button", onclick: () => mend("PATCH", picture.id, { name: picture.suggested }) }, `Move to ${picture.suggested}`) : null,
    h("button", { type: "button", "aria-label": `Remove ${picture.name}`, onclick: () => mend("DELETE", picture.id) }, "Remove"));
  return h("li", { class: gone ? "gone" : "" },
    gone ? h("p", { class: "removed" }, "removed") : h("img", { src: `/page/photos/${picture.id}`, alt: `${picture.name}, in ${label}`, width: 160, height: 160, loading: "lazy" }),
    h("p", { class: "in" }, moved ? `moved to ${label}` : `in ${label}`),
    picture.note && !moved && !gone ? h("p", { class: "note" }, picture.note) : null,
    buttons);
}

async function mend(method, id, body) {
  await change(() => ask(method, `/page/photos/${id}`, body)).catch(complain);
  tell(byId("check-again"), "Check again");
  byId("check-again").focus();
}
