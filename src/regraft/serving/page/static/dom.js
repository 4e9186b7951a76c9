// Elements from a line of code, and lists that keep what is already there.

/** Return an element: `h("p", {class: "hint", onclick: f}, "text", child)`; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "width%") element.style.width = `${value}%`; // style attributes are not allowed here
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make a parent's children those of the items, in order: each is made once by its key, and updated. */
export function keep(parent, items, keyOf, make, update) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = there.get(key);
    there.delete(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
    update?.(child, item);
  }
  for (const gone of there.values()) gone.remove();
}

export const byId = (id) => document.getElementById(id);

/** Return a number of photos in words. */
export const photosOf = (n) => (n === 1 ? "1 photo" : `${n.toLocaleString("en")} photos`);

/** Return a share as people read it: never 0% or 100% unless it is. */
export function percent(share) {
  const shown = Math.round(100 * share);
  if (shown === 100 && share < 1) return ">99%";
  if (shown === 0 && share > 0) return "<1%";
  return `${shown}%`;
}

/** Return seconds as people say them. */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Show a sentence in an element, or hide it. */
export function tell(element, sentence) {
  element.hidden = !sentence;
  if (element.textContent !== (sentence || "")) element.textContent = sentence || "";
}
