// The processes as a tree, in the order in which they began.

import { clock } from "./time.js";

export class Tree {
  constructor(root, api, handlers) {
    this.api = api;
    this.box = root.querySelector('[data-part="tree"]');
    this.box.addEventListener("click", (event) => {
      const at = event.target.closest("[data-at]")?.dataset.at;
      if (at !== undefined) handlers.seek(Number(at));
    });
  }

  async load() {
    try {
      const { processes, cut } = await this.api.get("/tree");
      if (!processes.length) {
        this.say("No processes: nothing tells which programs were run.");
        return;
      }
      const list = document.createElement("ul");
      list.append(...processes.map(row));
      this.box.replaceChildren(list);
      if (cut) this.box.append(line("There are more; these are the first."));
    } catch (error) {
      this.say(error.message);
    }
  }

  say(text) {
    this.box.replaceChildren(line(text));
  }
}

function line(text) {
  const made = document.createElement("p");
  made.className = "quiet";
  made.textContent = text;
  return made;
}

function row(process) {
  const entry = document.createElement("li");
  entry.style.paddingInlineStart = `${Math.min(process.depth, 20) * 1.1}rem`;
  const runs = process.runs.length ? process.runs : [{ at: process.at, text: `process ${process.pid}`, failed: false }];
  for (const run of runs) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.at = String(run.at);
    button.className = run.failed ? "failed" : "";
    const at = document.createElement("span");
    at.className = "at";
    at.textContent = clock(run.at, 1);
    const what = document.createElement("span");
    what.className = "what";
    what.textContent = run.text;
    button.append(at, " ", what);
    entry.append(button);
  }
  const notes = [`pid ${process.pid}`];
  if (process.exit_code !== null) notes.push(`status ${process.exit_code}`);
  if (process.files) notes.push(`${process.files} files`);
  if (process.connections) notes.push(`${process.connections} connections`);
  const note = document.createElement("small");
  note.className = "quiet";
  note.textContent = notes.join(", ");
  entry.append(note);
  return entry;
}
