// Step 1: named classes and their photos, or a folder.

import { byId, h, keep, photosOf, tell } from "./dom.js";
import { dropZone } from "./drop.js";
import { ask, Refusal, send } from "./server.js";
import { change, current } from "./store.js";

const AT_ONCE = 8; // files in one request, so that the count grows as they arrive
const SHOWN = 20; // small pictures of a class before "all" is asked for

const open = new Set(); // classes whose photos are all shown
const waiting = new Map(); // class id -> name that the server does not know yet
const left = new Map(); // class id -> what was left out, and how far an upload is
let timer = 0;

let sending = Promise.resolve();

/** Send the names that were typed and not sent yet, and wait for those that are on their way. */
export function settleNames() {
  clearTimeout(timer);
  const earlier = sending.catch(() => null);
  sending = earlier.then(async () => {
    for (const [id, name] of [...waiting]) {
      await change(() => ask("PATCH", `/page/classes/${id}`, { name }).finally(() => waiting.get(id) === name && waiting.delete(id)));
    }
  });
  return sending;
}

async function upload(id, files, folder) {
  const field = byId(`name-${id}`);
  if (folder && field && !field.value) {
    field.value = folder;
    waiting.set(id, folder);
  }
  const refused = [];
  left.set(id, { busy: `Reading ${photosOf(files.length)} …`, refused });
  try {
    await settleNames();
    for (let start = 0; start < files.length; start += AT_ONCE) {
      const part = files.slice(start, start + AT_ONCE);
      const said = await change(() => send(`/page/classes/${id}/photos`, "photos", part));
      refused.push(...said.refused);
      left.set(id, { busy: `${Math.min(start + AT_ONCE, files.length)} of ${files.length} read …`, refused });
    }
    left.set(id, { busy: "", refused });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    left.set(id, { busy: "", refused, error: error.message });
  }
  if (current()) showPhotos(current());
}

function card(item) {
  const id = item.id;
  const name = h("input", { id: `name-${id}`, class: "name", maxlength: 100, autocomplete: "off", placeholder: "such as tulips" });
  name.value = item.name;
  name.addEventListener("input", () => {
    waiting.set(id, name.value);
    clearTimeout(timer);
    timer = setTimeout(() => settleNames().catch(complain), 400);
  });
  name.addEventListener("change", () => settleNames().catch(complain));
  const remove = h("button", {
    type: "button", class: "quiet remove-class",
    onclick: async () => {
      waiting.delete(id);
      await change(() => ask("DELETE", `/page/classes/${id}`)).catch(complain);
      byId("add-class")?.focus();
    },
  }, "Remove");
  return h("article", { class: "class" },
    h("div", { class: "class-head" },
      h("div", { class: "field" }, h("label", { for: `name-${id}` }, "Name of the class"), name),
      h("p", { class: "count" }), remove),
    dropZone({ id: `files-${id}`, label: "Drop photos here", hint: "or click to choose them", multiple: true, take: (files, folder) => upload(id, files, folder) }),
    h("p", { class: "refused", role: "status", hidden: true }),
    h("ul", { class: "thumbs", hidden: true }),
    h("button", { type: "button", class: "quiet all", hidden: true, onclick: () => { open.add(id); showPhotos(current()); } }));
}

function update(element, item) {
  const name = element.querySelector("input.name");
  if (document.activeElement !== name && !waiting.has(item.id) && name.value !== item.name) name.value = item.name;
  const called = item.name || "the class without a name";
  element.querySelector(".remove-class").setAttribute("aria-label", `Remove ${called}`);
  element.querySelector("input[type=file]").setAttribute("aria-label", `Photos of ${called}`);
  tell(element.querySelector(".count"), item.photos.length ? photosOf(item.photos.length) : "no photos yet");
  element.classList.toggle("filled", item.photos.length > 0);
  const said = left.get(item.id);
  tell(element.querySelector(".refused"), said ? told(said) : "");
  const shown = open.has(item.id) ? item.photos : item.photos.slice(0, SHOWN);
  const list = element.querySelector(".thumbs");
  list.hidden = !shown.length;
  keep(list, shown, (photo) => photo.id, (photo) => thumb(photo));
  const more = element.querySelector(".all");
  tell(more, item.photos.length > shown.length ? `Show all ${item.photos.length.toLocaleString("en")}` : "");
}

function told({ busy, refused, error }) {
  const listed = refused.slice(0, 3).map((file) => `${file.name}: ${file.reason}`).join("; ");
  const more = refused.length > 3 ? `; and ${refused.length - 3} more` : "";
  const out = refused.length ? `Left out: ${listed}${more}.` : "";
  return [busy, error, out].filter(Boolean).join(" ");
}

function thumb(photo) {
  return h("li", {},
    h("img", { src: `/page/photos/${photo.id}`, alt: photo.name, loading: "lazy", width: 72, height: 72 }),
    h("button", {
      type: "button", "aria-label": `Remove ${photo.name}`, title: `Remove ${photo.name}`,
      onclick: (event) => {
        const item = event.currentTarget.closest("li");
        const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button");
        change(() => ask("DELETE", `/page/photos/${photo.id}`)).then(() => next?.focus(), complain);
      },
    }, "×"));
}

function folderCard(item) {
  return h("article", { class: "class filled" },
    h("div", { class: "class-head" }, h("h2", {}, item.name), h("p", { class: "count" }, photosOf(item.count))),
    h("ul", { class: "thumbs" }, item.photos.map((photo) =>
      h("li", {}, h("img", { src: `/page/photos/${photo.id}`, alt: photo.name, loading: "lazy", width: 72, height: 72 })))),
    item.count > item.photos.length ? h("p", { class: "hint" }, `and ${(item.count - item.photos.length).toLocaleString("en")} more`) : null);
}

function adder() {
  return h("button", { type: "button", class: "add", id: "add-class", onclick: addClass }, h("span", { class: "plus", "aria-hidden": "true" }, "+"), "Add a class");
}

async function addClass() {
  const said = await change(() => ask("POST", "/page/classes", { name: "" })).catch(complain);
  if (said) byId(`name-${said.classes.at(-1).id}`)?.focus();
}

/** Show the classes, or the folder, and what is still missing. */
export function showPhotos(state) {
  const folder = state.folder;
  for (const element of document.querySelectorAll("[data-drop-only]")) element.hidden = Boolean(folder);
  for (const element of document.querySelectorAll("[data-folder-only]")) element.hidden = !folder;
  if (!state.folders) byId("folder-box").hidden = true;
  if (folder) {
    tell(byId("folder-path"), folder.path);
    keep(byId("classes"), folder.classes, (item) => `${state.version} ${item.name}`, folderCard);
  } else {
    const items = [...state.classes, { id: "add" }];
    keep(byId("classes"), items, (item) => item.id, (item) => (item.id === "add" ? adder() : card(item)),
      (element, item) => item.id !== "add" && update(element, item));
  }
  const empty = !folder && state.classes.every((item) => !item.name && !item.photos.length);
  const counts = folder ? folder.classes.map((item) => item.count) : state.classes.map((item) => item.photos.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const ready = `${photosOf(total)} in ${counts.filter(Boolean).length} classes.`;
  const hint = byId("photos-hint");
  tell(hint, empty ? "" : state.problem ?? ready);
  hint.hidden = false;
}

let complain = () => {};

/** Set the step up; refusals go to `fail`. */
export function startPhotos(fail) {
  complain = fail;
  byId("folder-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    tell(byId("folder-error"), "");
    try {
      await change(() => ask("POST", "/page/folder", { path: byId("folder").value }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      tell(byId("folder-error"), error.message);
      byId("folder").focus();
    }
  });
  byId("folder-close").addEventListener("click", () => change(() => ask("DELETE", "/page/folder")).catch(complain));
}
