// The server's state in this browser: asked for again and again, so that a reload or a second browser loses nothing.

import { ask, Refusal } from "./server.js";

const BUSY = 300, IDLE = 2000; // milliseconds between two questions

let state = null, changes = 0, timer = 0;
const listeners = [];

/** Return what the server last said. */
export const current = () => state;

/** Call a function with the state, now and whenever it was asked for. */
export function onState(listener) {
  listeners.push(listener);
  if (state) listener(state);
}

/** Return the job that is going on. */
export const running = () => Object.values(state?.jobs ?? {}).find((job) => job?.running) ?? null;

function take(said) {
  state = said;
  for (const listener of listeners) listener(state);
}

/** Do something that changes the state; the answer is the state, or holds it. */
export async function change(work) {
  changes += 1;
  try {
    const said = await work();
    changes += 1;
    take(said.state ?? said);
    return said;
  } finally {
    changes += 1;
    soon();
  }
}

/** Ask for the state once, unless something is changed meanwhile: then it is old already. */
export async function refresh() {
  const asked = changes;
  try {
    const said = await ask("GET", "/page/state");
    if (asked === changes) take(said);
    complain("");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    complain(error.message);
  }
  soon();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, running() ? BUSY : IDLE);
}

let complain = () => {};

/** Say who is told that the server does not answer, and "" when it does again. */
export function onLost(listener) {
  complain = listener;
}
