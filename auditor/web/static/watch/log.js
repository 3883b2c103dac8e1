// The list of events: only the rows that can be seen are there, and fetched in pages.

import { clock } from "./time.js";

const ROW = 24;
const PAGE = 100;
const PAGES = 60;
const TALLEST = 8_000_000;
const STILL = 4000;

export class Log {
  constructor(root, api, playback, handlers) {
    this.api = api;
    this.playback = playback;
    this.handlers = handlers;
    this.rows = root.querySelector('[data-part="rows"]');
    this.all = root.querySelector('[data-part="all"]');
    this.kinds = root.querySelector('[data-part="kinds"]');
    this.counts = new Map(Array.from(root.querySelectorAll("[data-count]"), (each) => [each.dataset.count, each]));
    this.total = 0;
    this.pages = new Map();
    this.asked = new Set();
    this.chosen = null;
    this.current = -1;
    this.range = null;
    this.following = true;
    this.generation = 0;
    this.nodes = new Map();
    this.kinds.addEventListener("change", () => void this.reload());
    this.rows.addEventListener("scroll", () => this.draw(), { passive: true });
    for (const name of ["wheel", "pointerdown", "touchmove"]) {
      this.rows.addEventListener(name, () => this.leave(), { passive: true });
    }
    this.rows.addEventListener("click", (event) => this.click(event));
    this.rows.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.rows);
  }

  get kind() {
    const boxes = Array.from(this.kinds.querySelectorAll("input"));
    const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    return chosen.length === boxes.length ? "" : chosen.join(",") || "none";
  }

  show(kinds) {
    for (const box of this.kinds.querySelectorAll("input")) box.checked = !kinds || kinds.includes(box.value);
    void this.reload();
  }

  async reload() {
    this.generation += 1;
    this.pages.clear();
    this.asked.clear();
    this.chosen = null;
    this.current = -1;
    await this.locate(true);
  }

  // More is known, of a live session or because it has been read.
  async refresh() {
    await this.locate();
    this.draw();
  }

  // Which row playback has reached, and the rows around it.
  async locate(force = false) {
    if (this.locating && !force) return;
    const generation = this.generation;
    if (this.kind === "none") {
      this.total = 0;
      this.measure();
      return;
    }
    this.locating = true;
    try {
      const at = this.playback.position;
      const found = await this.api.get("/events", { t: at.toFixed(3), limit: 1, ...this.parameters() });
      if (generation !== this.generation) return;
      this.learn(found);
      // Of what is still being read nobody knows which row comes last.
      if (found.complete || found.reached < found.total) this.reach(found.reached - 1);
      if (!found.complete) setTimeout(() => void this.locate(), 1000);
    } catch (error) {
      this.handlers.told(error.message);
    } finally {
      this.locating = false;
    }
  }

  parameters() {
    return this.kind ? { kind: this.kind } : {};
  }

  learn({ total, counts, complete }) {
    this.complete = complete;
    // While it is being read the list grows now and then, not with every answer: rows would never stand still.
    if (!complete && this.total && performance.now() - this.learned < STILL) return;
    this.learned = performance.now();
    this.total = total;
    for (const [kind, number] of Object.entries(counts)) {
      const place = this.counts.get(kind);
      if (place) place.textContent = number ? number.toLocaleString("en") : "";
    }
    this.measure();
  }

  measure() {
    const tall = Math.min(this.total * ROW, TALLEST);
    this.all.style.height = `${tall}px`;
    this.draw();
  }

  // Playback has moved. What is at hand answers; else it is asked.
  update() {
    const { position } = this.playback;
    let place = this.current;
    let next = this.row(place + 1);
    let here = place < 0 ? { at: -1 } : this.row(place);
    let steps = 0;
    while (here && next && next.at <= position && steps < 300) {
      place += 1;
      here = next;
      next = this.row(place + 1);
      steps += 1;
    }
    while (here && here.at > position && place >= 0 && steps < 300) {
      place -= 1;
      here = place < 0 ? { at: -1 } : this.row(place);
      steps += 1;
    }
    const known = here && here.at <= position && (next ? next.at > position : place + 1 >= this.total);
    if (known) {
      if (place !== this.current) this.reach(place);
    } else if (!this.waiting) {
      this.waiting = setTimeout(() => {
        this.waiting = null;
        void this.locate();
      }, this.complete ? 250 : 1500);
    }
  }

  reach(place) {
    this.current = place;
    if (this.following) this.into(place, true);
    this.draw();
    this.need(Math.max(0, place), 2);
  }

  row(place) {
    return this.pages.get(Math.floor(place / PAGE))?.[place % PAGE];
  }

  into(place, centred = false) {
    const visible = this.rows.clientHeight / ROW;
    if (!visible) return;
    const first = this.first();
    if (centred || place < 0) this.scrollTo(place - visible / 2);
    else if (place < first) this.scrollTo(place);
    else if (place + 1 > first + visible) this.scrollTo(place + 1 - visible);
  }

  // A list that would be taller than browsers can make it is scrolled in proportion.
  get squeezed() {
    return this.total * ROW > TALLEST;
  }

  // The place at the upper edge, with its fraction.
  first() {
    const high = this.rows.clientHeight;
    const scrolled = this.rows.scrollTop;
    return this.squeezed ? (scrolled / (TALLEST - high)) * (this.total - high / ROW) : scrolled / ROW;
  }

  scrollTo(first) {
    const high = this.rows.clientHeight;
    const top = this.squeezed ? (first / (this.total - high / ROW)) * (TALLEST - high) : first * ROW;
    this.rows.scrollTop = Math.max(0, top);
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.paint();
    });
  }

  paint() {
    const high = this.rows.clientHeight;
    if (!high) return;
    const scrolled = this.rows.scrollTop;
    const exact = this.first();
    const first = Math.max(0, Math.floor(exact) - 2);
    const last = Math.min(this.total, Math.ceil(exact + high / ROW) + 2);
    const wanted = new Map();
    for (let place = first; place < last; place += 1) {
      const node = this.nodes.get(place) ?? this.node(place);
      const top = this.squeezed ? scrolled + (place - exact) * ROW : place * ROW;
      node.style.transform = `translateY(${Math.round(top)}px)`;
      this.fill(node, place);
      wanted.set(place, node);
    }
    for (const [place, node] of this.nodes) {
      if (!wanted.has(place)) node.remove();
    }
    this.nodes = wanted;
    if (this.chosen !== null && wanted.has(this.chosen)) {
      this.rows.setAttribute("aria-activedescendant", wanted.get(this.chosen).id);
    } else {
      this.rows.removeAttribute("aria-activedescendant");
    }
    if (last > first) {
      this.need(first);
      this.need(last - 1);
    }
  }

  node(place) {
    const node = document.createElement("div");
    node.className = "row";
    node.setAttribute("role", "option");
    node.dataset.place = String(place);
    node.id = `${this.prefix()}-${place}`;
    for (const name of ["at", "dot", "what"]) {
      const part = document.createElement(name === "dot" ? "i" : "span");
      part.className = name;
      node.append(part);
    }
    this.all.append(node);
    return node;
  }

  prefix() {
    this.named ??= `row-${Math.random().toString(36).slice(2, 8)}`;
    return this.named;
  }

  fill(node, place) {
    const row = this.row(place);
    const inside = this.range && row && row.at >= this.range[0] && row.at <= this.range[1];
    node.className = `row kind-${row?.kind ?? "none"}`;
    node.classList.toggle("past", place <= this.current);
    node.classList.toggle("current", place === this.current);
    node.classList.toggle("inside", Boolean(inside));
    node.setAttribute("aria-selected", String(place === this.chosen));
    node.setAttribute("aria-setsize", String(this.total));
    node.setAttribute("aria-posinset", String(place + 1));
    if (node.shown === row && row) return;
    node.shown = row;
    const [at, , what] = node.children;
    at.textContent = row ? clock(row.at, 1) : "";
    what.textContent = row ? row.text : "…";
    node.title = row ? `${row.action}${row.pid === null ? "" : ` (process ${row.pid})`}: ${row.text}` : "";
  }

  // The pages around a place.
  need(place, around = 0) {
    for (const page of new Set([Math.floor(place / PAGE), Math.floor((place + around) / PAGE)])) void this.page(page);
  }

  async page(number) {
    // What was fetched when there were fewer is shown until it is there anew: rows may have come in between.
    const fresh = this.pages.get(number)?.total === this.total;
    if (fresh || this.asked.has(number) || number * PAGE >= this.total) return;
    this.asked.add(number);
    const generation = this.generation;
    try {
      const found = await this.api.get("/events", { offset: number * PAGE, limit: PAGE, ...this.parameters() });
      if (generation !== this.generation) return;
      this.pages.delete(number);
      if (found.total !== this.total) this.learn(found);
      this.pages.set(number, Object.assign(found.rows, { total: this.total }));
      if (this.pages.size > PAGES) this.pages.delete(this.pages.keys().next().value);
      this.draw();
    } catch (error) {
      this.handlers.told(error.message);
    } finally {
      this.asked.delete(number);
    }
  }

  click(event) {
    const place = Number(event.target.closest(".row")?.dataset.place ?? -1);
    const row = this.row(place);
    if (!row) return;
    const from = this.chosen === null ? null : this.row(this.chosen);
    if (event.shiftKey && from) {
      this.handlers.range(Math.min(from.at, row.at), Math.max(from.at, row.at));
      getSelection()?.removeAllRanges();
      return;
    }
    this.chosen = place;
    this.draw();
    this.handlers.seek(row.at);
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in steps) {
      const start = this.chosen ?? (this.current < 0 ? (steps[event.key] > 0 ? -1 : 0) : this.current);
      const before = this.row(start);
      this.leave();
      this.chosen = Math.min(Math.max(0, start + steps[event.key]), this.total - 1);
      if (this.total === 0) this.chosen = null;
      const row = this.chosen === null ? null : this.row(this.chosen);
      if (event.shiftKey && before && row) {
        this.anchor ??= before.at;
        this.handlers.range(Math.min(this.anchor, row.at), Math.max(this.anchor, row.at));
      } else {
        this.anchor = null;
      }
      if (this.chosen !== null) this.into(this.chosen);
      this.draw();
    } else if (event.key === "Enter" && this.chosen !== null) {
      const row = this.row(this.chosen);
      if (row) this.handlers.seek(row.at);
    } else if (event.key === "Escape" && (this.chosen !== null || !this.following)) {
      this.follow();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  leave() {
    this.following = false;
  }

  follow() {
    this.chosen = null;
    this.following = true;
    this.into(this.current, true);
    this.draw();
  }

  choose(range) {
    this.range = range;
    this.draw();
  }
}
