// What the page asks the server; every refusal is one sentence.

const GONE = "The page's server does not answer: see whether regraft app is still running, and start it again.";

/** A refusal, in a sentence for people. */
export class Refusal extends Error {}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Refusal(GONE);
  }
  const said = await response.json().catch(() => null);
  if (response.ok && said) return said;
  throw new Refusal(said?.error ?? `The server could not do that (status ${response.status}); try again.`);
}

/** Ask the server, with a plain object as JSON. */
export function ask(method, path, body) {
  const headers = body === undefined ? {} : { "content-type": "application/json" };
  return answer(fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

/** Send files under a name. */
export function send(path, field, files) {
  const form = new FormData();
  for (const file of files) form.append(field, file, file.name || "photo.jpg");
  return answer(fetch(path, { method: "POST", body: form }));
}
