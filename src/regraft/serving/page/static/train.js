// Step 3: training as it goes on, and how good the classifier is.

import { byId, duration, h, percent, photosOf, tell } from "./dom.js";
import { showProgress } from "./progress.js";

let shown = "";

/** Show the training, or what came of it. */
export function showTrain(state) {
  const job = state.jobs.fit, result = state.result, busy = Boolean(job?.running);
  showProgress(byId("train-progress"), job);
  const done = result && !busy;
  tell(byId("train-title"), busy ? "Training" : done ? "How good is it?" : "Training");
  byId("report-link").hidden = byId("to-try").hidden = !done;
  byId("train-again").hidden = busy || !job || !(job.stale || job.error);
  const now = done ? JSON.stringify([result, job.stale]) : "";
  if (now === shown) return;
  shown = now;
  byId("train-result").replaceChildren(...(done ? summary(result, job.stale) : []));
  // The report is loaded anew, since it has the same address after each training.
  byId("report-frame").replaceChildren(...(done ? [h("iframe", { class: "report", src: `/page/files/report.html?${Date.now()}`, title: "The report of this training" })] : []));
}

function summary(result, stale) {
  const scale = (share) => 100 * share;
  const bar = h("div", { class: "scale", role: "img", "aria-label": `${result.shown} on a scale from 0% to 100%, 95% interval ${result.interval}` },
    h("span", { class: "track" }), h("span", { class: "band" }), h("span", { class: "tick" }), h("span", { class: "dot" }));
  const [band, tick, dot] = ["band", "tick", "dot"].map((name) => bar.querySelector(`.${name}`));
  band.style.left = `${scale(result.ci95[0])}%`;
  band.style.width = `${scale(result.ci95[1] - result.ci95[0])}%`;
  tick.style.left = `${scale(result.baseline)}%`;
  dot.style.left = `${scale(result.accuracy)}%`;
  const classes = result.classes.map((item) => h("li", {},
    h("span", { class: "who" }, item.name),
    h("span", { class: "meter", "aria-hidden": "true" }, h("span", { "width%": 100 * (item.recall ?? 0) })),
    h("span", { class: "figure" }, item.recall === null ? "not tested" : `${percent(item.recall)} of ${item.n}`)));
  return [
    stale ? h("p", { class: "alert" }, "The photos have changed since this training: train again to learn from them as they are.") : "",
    h("div", { class: "outcome" },
      h("div", { class: "big" },
        h("p", { class: "figure" }, result.shown), h("p", { class: "caption" }, "named rightly"), bar,
        h("p", { class: "hint" }, `95% interval ${result.interval}; the dashed line is the commonest class alone.`)),
      h("div", { class: "words" },
        h("p", { class: "headline" }, result.headline),
        h("p", { class: result.standing === "better" ? "" : "warn" }, result.comparison),
        result.transfer ? h("p", {}, h("strong", {}, "Was the pretrained network worth it?"), ` ${result.transfer}`) : null,
        h("p", { class: "hint" }, `${photosOf(result.photos)}, trained and tested in ${duration(result.seconds)}.`))),
    h("h2", {}, "Each class"),
    h("ul", { class: "meters" }, classes),
  ];
}
