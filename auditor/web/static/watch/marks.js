// What is searched for, marked on the terminal: with the CSS Custom Highlight API, which changes no element.

import { rowText } from "./terminal.js";

let instances = 0;

export class Marks {
  constructor(terminal) {
    this.terminal = terminal;
    this.patterns = [];
    this.name = `hit-${instances++ % 2}`;
    this.pending = false;
    this.count = 0;
  }

  watch() {
    const layer = this.terminal.textLayer;
    if (layer && !this.observer) {
      this.observer = new MutationObserver(() => this.later());
      this.observer.observe(layer, { childList: true, subtree: true });
    }
  }

  // Texts to mark, in any case; white space matches any white space.
  set(texts) {
    this.patterns = texts
      .filter((text) => text.trim())
      .map((text) => new RegExp(escaped(text.trim()).replace(/\s+/g, "\\s+"), "giu"));
    this.later();
  }

  later() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.mark();
    });
  }

  mark() {
    if (!globalThis.CSS?.highlights) return;
    const ranges = [];
    const layer = this.patterns.length ? this.terminal.textLayer : null;
    for (const row of layer?.children ?? []) {
      const { text, places } = rowText(row);
      for (const pattern of this.patterns) {
        for (const found of text.matchAll(pattern)) {
          if (found[0]) ranges.push(...rangesOf(places.slice(found.index, found.index + found[0].length)));
        }
      }
    }
    this.count = ranges.length;
    if (ranges.length) CSS.highlights.set(this.name, new Highlight(...ranges));
    else CSS.highlights.delete(this.name);
  }
}

// One range for each text node.
function rangesOf(places) {
  const ranges = [];
  let open = null;
  for (const place of places) {
    if (!place) {
      open = null;
    } else if (open && open.node === place[0]) {
      open.range.setEnd(place[0], place[1] + 1);
    } else {
      const range = new Range();
      range.setStart(place[0], place[1]);
      range.setEnd(place[0], place[1] + 1);
      open = { node: place[0], range };
      ranges.push(range);
    }
  }
  return ranges;
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
