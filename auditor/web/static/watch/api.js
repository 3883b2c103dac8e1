// What is fetched of one recording. What cannot be had is an Error whose message is for a person.

export class Api {
  constructor(rec) {
    this.base = `/api/recordings/${encodeURIComponent(rec)}`;
  }

  async get(path, parameters = {}, signal = undefined) {
    const query = new URLSearchParams(parameters).toString();
    const answer = await fetch(this.base + path + (query ? `?${query}` : ""), { signal });
    return read(answer);
  }

  async post(path, fields) {
    const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";
    const answer = await fetch(this.base + path, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: { "X-CSRF-Token": token },
    });
    return read(answer);
  }
}

async function read(answer) {
  let said = null;
  try {
    said = await answer.json();
  } catch {
    // no JSON: told below
  }
  if (answer.ok && said !== null) return said;
  if (answer.status === 401) throw new Error("You are signed out: open the page again.");
  throw new Error(said?.error ?? `The server answered ${answer.status}.`);
}
