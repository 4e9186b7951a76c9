// A place where photos are dropped, or chosen by click and key.

import { h } from "./dom.js";

/** Return the files of a drop, those within folders too, and the name of the only folder. */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folders = entries.filter((entry) => entry.isDirectory);
  if (!folders.length) return { files: [...transfer.files], folder: "" };
  const files = (await Promise.all(entries.map(within))).flat();
  return { files, folder: folders.length === 1 && entries.length === 1 ? folders[0].name : "" };
}

async function within(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader(), found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(within))).flat();
}

/** Return a drop zone; `take(files, folder)` gets what came. */
export function dropZone({ id, label, hint, multiple, take }) {
  const input = h("input", { type: "file", id, multiple, accept: "image/*", class: "visually-hidden" });
  const zone = h("label", { class: "drop", for: id }, h("span", { class: "drop-label" }, label), h("span", { class: "drop-hint" }, hint), input);
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length) take(files, "");
  });
  catchDrops(zone, take);
  return zone;
}

/** Let files be dropped on an element. */
export function catchDrops(element, take) {
  let depth = 0;
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  element.addEventListener("dragenter", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth += 1;
    element.classList.add("over");
  });
  element.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  element.addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    if (!depth) element.classList.remove("over");
  });
  element.addEventListener("drop", async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    element.classList.remove("over");
    const { files, folder } = await filesOf(event.dataTransfer);
    if (files.length) take(files, folder);
  });
}
