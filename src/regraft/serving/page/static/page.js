// The page: five steps, one shown at a time; what there is to show is the server's.

import { showCheck, startCheck } from "./check.js";
import { byId, tell } from "./dom.js";
import { showKeep, startKeep } from "./keep.js";
import { settleNames, showPhotos, startPhotos } from "./photos.js";
import { ask, Refusal } from "./server.js";
import { change, current, onLost, onState, refresh } from "./store.js";
import { showTrain } from "./train.js";
import { leaveTry, startTry } from "./try.js";

const STEPS = ["photos", "check", "train", "try", "keep"];
const SHOW = { photos: showPhotos, check: showCheck, train: showTrain, keep: showKeep };

let step = "", refused = "", lost = "";

function reachable(name, state) {
  if (name === "photos") return true;
  if (name === "check") return state.jobs.audit !== null;
  if (name === "train") return state.jobs.fit !== null;
  return state.result !== null;
}

function first(state) {
  if (state.jobs.audit?.running) return "check";
  if (state.jobs.fit?.running) return "train";
  const asked = location.hash.slice(1);
  if (STEPS.includes(asked) && reachable(asked, state)) return asked;
  return state.result ? "train" : "photos";
}

/** Go to a step; the heading gets the focus, so that a screen reader says where one is. */
function go(name, focus = true) {
  if (name === step) return;
  if (step === "try") leaveTry();
  step = name;
  refused = "";
  complain();
  for (const each of STEPS) byId(each).hidden = each !== step;
  if (location.hash !== `#${step}`) history.pushState(null, "", `#${step}`);
  show(current());
  if (focus) {
    byId(step).querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function show(state) {
  if (!step) {
    history.replaceState(null, "", `#${first(state)}`);
    go(first(state), false);
    return;
  }
  for (const button of document.querySelectorAll(".steps button")) {
    const name = button.dataset.step;
    button.disabled = !reachable(name, state);
    if (name === step) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    button.classList.toggle("done", STEPS.indexOf(name) < STEPS.indexOf(step));
  }
  SHOW[step]?.(state);
  const job = Object.values(state.jobs).find((each) => each?.running);
  document.title = job ? `${job.share === null ? "…" : `${Math.round(100 * job.share)}%`} · Regraft` : "Regraft";
}

function complain() {
  const sentence = lost || refused;
  tell(byId("alert"), sentence);
}

function fail(error) {
  if (!(error instanceof Refusal)) throw error;
  refused = error.message;
  complain();
  byId("alert").scrollIntoView({ block: "center" });
}

/** Begin a job, and go to its step. */
async function begin(path, next) {
  refused = "";
  complain();
  try {
    await settleNames();
    await change(() => ask("POST", path));
  } catch (error) {
    fail(error);
    return;
  }
  go(next);
}

startPhotos(fail);
startCheck(fail);
startTry();
startKeep(fail);
for (const button of document.querySelectorAll(".steps button")) button.addEventListener("click", () => go(button.dataset.step));
for (const button of document.querySelectorAll("[data-go]")) button.addEventListener("click", () => go(button.dataset.go));
byId("check-photos").addEventListener("click", () => begin("/page/audit", "check"));
byId("check-again").addEventListener("click", () => begin("/page/audit", "check"));
byId("start-training").addEventListener("click", () => begin("/page/fit", "train"));
byId("train-again").addEventListener("click", () => begin("/page/fit", "train"));
addEventListener("popstate", () => {
  const asked = location.hash.slice(1);
  if (STEPS.includes(asked) && current() && reachable(asked, current())) go(asked);
});
// A photo dropped beside a drop zone must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
onState(show);
onLost((sentence) => {
  lost = sentence;
  complain();
});
refresh();
