// Step 4: one photo after the other, by upload, drop, paste or camera.

import { byId, h, percent, tell } from "./dom.js";
import { dropZone } from "./drop.js";
import { Refusal, send } from "./server.js";

let stream = null;

/** Set the step up. */
export function startTry() {
  const zone = dropZone({ id: "try-file", label: "Drop a photo here", hint: "or click to choose one, or paste it", multiple: false, take: (files) => name(files[0]) });
  zone.querySelector("input").setAttribute("aria-label", "A photo to try");
  const camera = h("div", { class: "camera", id: "camera" },
    h("button", { type: "button", id: "camera-open", onclick: openCamera }, "Use the camera"),
    h("div", { class: "view", hidden: true },
      h("video", { id: "camera-view", "aria-label": "What the camera sees", playsinline: true }),
      h("p", { class: "line" },
        h("button", { type: "button", class: "primary", id: "camera-take", onclick: takePhoto }, "Take the photo"),
        h("button", { type: "button", onclick: closeCamera }, "Close the camera"))),
    h("p", { class: "error", role: "alert", hidden: true }));
  byId("try-input").append(zone, camera);
  // Browsers give a camera only to this machine's own pages, or over https.
  if (!navigator.mediaDevices?.getUserMedia) camera.hidden = true;
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file && !byId("try").hidden) name(file);
  });
}

/** Give the camera back when the step is left. */
export function leaveTry() {
  closeCamera();
}

async function openCamera() {
  const error = byId("camera").querySelector(".error");
  tell(error, "");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (refused) {
    tell(error, refused.name === "NotAllowedError"
      ? "The browser does not let this page use the camera: allow it in the address bar, or choose a photo."
      : "No camera can be used here: see whether another program has it, or choose a photo.");
    return;
  }
  const view = byId("camera-view");
  view.srcObject = stream;
  view.muted = true;
  await view.play();
  byId("camera").querySelector(".view").hidden = false;
  byId("camera-open").hidden = true;
  byId("camera-take").focus();
}

function closeCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  byId("camera").querySelector(".view").hidden = true;
  byId("camera-open").hidden = false;
}

async function takePhoto() {
  const view = byId("camera-view"), canvas = h("canvas", { width: view.videoWidth, height: view.videoHeight });
  canvas.getContext("2d").drawImage(view, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  await name(new File([blob], "camera.jpg", { type: "image/jpeg" }));
}

async function name(file) {
  const box = byId("try-result");
  box.replaceChildren(h("p", { class: "looking" }, "Looking …"));
  box.setAttribute("aria-busy", "true");
  try {
    box.replaceChildren(...result(await send("/page/try", "photo", [file])));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    box.replaceChildren(h("p", { class: "alert" }, error.message));
  }
  box.removeAttribute("aria-busy");
  box.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

function result(said) {
  const bars = said.bars.map((bar) => h("li", {},
    h("span", { class: "who" }, bar.name),
    h("span", { class: "meter", "aria-hidden": "true" }, h("span", { "width%": 100 * bar.share })),
    h("span", { class: "figure" }, percent(bar.share))));
  const pictures = [h("figure", {}, h("img", { src: said.photo, alt: `The photo ${said.name}` }), h("figcaption", {}, "The photo"))];
  if (said.heat) pictures.push(h("figure", {}, h("img", { src: said.heat, alt: `The same photo; the places that speak for ${said.label} are coloured` }), h("figcaption", {}, `What speaks for ${said.label} (dark: unseen)`)));
  return [h("div", { class: "answer" },
    h("div", { class: "pair" }, pictures),
    h("div", { class: "said" },
      h("p", { class: "label" }, h("bdi", {}, said.label), " ", h("span", { class: "sure" }, percent(said.confidence))),
      said.unfamiliar ? h("p", { class: "unfamiliar" }, h("strong", {}, "Not seen before."), " This photo is unlike all it has learnt from, so its answer means little.") : null,
      said.unfamiliar === false ? h("p", { class: "hint" }, "This looks like the photos it has learnt from.") : null,
      h("ul", { class: "meters" }, bars),
      said.others ? h("p", { class: "hint" }, `and ${said.others.toLocaleString("en")} other classes`) : null,
      said.note ? h("p", { class: "hint" }, said.note) : null))];
}
