// Search within the session: hits in order of time, the next and the previous, and what to mark on the screen.

import { clock } from "./time.js";

const SHOWN = 500;

export class Hits {
  constructor(root, api, playback, marks, handlers) {
    this.api = api;
    this.playback = playback;
    this.marks = marks;
    this.handlers = handlers;
    this.query = root.querySelector('[data-part="query"]');
    this.found = root.querySelector('[data-part="found"]');
    this.list = root.querySelector('[data-part="hits"]');
    this.hits = [];
    this.text = "";
    root.querySelector('[data-part="find"]').addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.query.value.trim();
      if (text && text === this.text) void this.go(true);
      else void this.search(text, { here: true });
    });
    this.query.addEventListener("search", () => {
      if (!this.query.value) void this.search("");
    });
    this.list.addEventListener("click", (event) => {
      const hit = this.hits[Number(event.target.closest("li")?.dataset.hit ?? -1)];
      if (hit) this.handlers.seek(hit.at);
    });
  }

  // `here`: go to the first at or behind the position.
  async search(text, { here = false } = {}) {
    this.text = text;
    this.query.value = text;
    this.handlers.changed(text);
    if (!text) {
      this.take({ hits: [], marked: [] });
      this.found.textContent = "";
      return;
    }
    this.found.textContent = "…";
    try {
      const found = await this.api.get("/hits", { q: text });
      if (this.text !== text) return;
      this.take(found);
      this.found.textContent = found.hits.length ? `${found.hits.length}${found.cut ? "+" : ""} hits` : "not seen anywhere";
      if (here && found.hits.length) await this.go(true, true);
    } catch (error) {
      this.take({ hits: [], marked: [] });
      this.found.textContent = error.message;
    }
  }

  take({ hits, marked }) {
    this.hits = hits;
    this.marks.set(marked);
    this.list.replaceChildren(...hits.slice(0, SHOWN).map((hit, number) => item(hit, number)));
    this.moments = [...new Set(hits.map((hit) => hit.at))];
  }

  // The next hit, behind the last the first again; or the previous.
  async go(forward, here = false) {
    if (!this.text) {
      this.query.focus();
      return;
    }
    if (!this.moments?.length) return;
    const position = this.playback.position - (here ? 0.0005 : 0);
    const behind = this.moments.filter((at) => (forward ? at > position + 0.0004 : at < position - 0.0004));
    const around = forward ? this.moments[0] : this.moments[this.moments.length - 1];
    const at = (forward ? behind[0] : behind[behind.length - 1]) ?? around;
    const again = behind.length ? "" : forward ? ", from the beginning again" : ", from the end again";
    this.found.textContent = `hit ${this.moments.indexOf(at) + 1} of ${this.moments.length}${again}`;
    const number = this.hits.findIndex((hit) => hit.at === at);
    for (const entry of this.list.children) entry.classList.toggle("current", Number(entry.dataset.hit) === number);
    await this.handlers.seek(at);
  }
}

function item(hit, number) {
  const entry = document.createElement("li");
  entry.dataset.hit = String(number);
  const button = document.createElement("button");
  button.type = "button";
  const at = document.createElement("span");
  at.className = "at";
  at.textContent = clock(hit.at, 1);
  const kind = document.createElement("span");
  kind.className = "quiet";
  kind.textContent = hit.kind;
  const text = document.createElement("span");
  text.className = "what";
  // Spans count code points, strings of JavaScript half surrogate pairs.
  const characters = Array.from(hit.text);
  let end = 0;
  for (const [first, last] of hit.spans) {
    if (first < end || first >= characters.length) continue;
    text.append(characters.slice(end, first).join(""));
    const mark = document.createElement("mark");
    mark.textContent = characters.slice(first, last).join("");
    text.append(mark);
    end = last;
  }
  text.append(characters.slice(end).join(""));
  button.append(at, " ", kind, " ", text);
  entry.append(button);
  return entry;
}
