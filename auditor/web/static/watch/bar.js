// The progress bar: what was played, marks by kind in lanes of their own, idle stretches, a chosen range, and the screen
// at the place that is pointed at.

import { Terminal } from "./terminal.js";
import { clock } from "./time.js";

const LANES = ["command", "exec", "file", "network", "alert", "other"];
const LANE = 5;
const TRACK = 10;
const PEEK_AFTER = 120;
const BUCKETS = 500;

export class Bar {
  constructor(root, api, playback, handlers) {
    this.bar = root.querySelector('[data-part="bar"]');
    this.canvas = root.querySelector('[data-part="canvas"]');
    this.peek = root.querySelector('[data-part="peek"]');
    this.peekBox = root.querySelector('[data-part="peek-box"]');
    this.peekTime = root.querySelector('[data-part="peek-time"]');
    this.api = api;
    this.playback = playback;
    this.handlers = handlers;
    this.marks = {};
    this.idle = [];
    this.buckets = BUCKETS;
    this.measured = playback.length;
    this.range = null;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.bar);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  listen() {
    const { bar } = this;
    let dragging = null;
    bar.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      bar.setPointerCapture(event.pointerId);
      const at = this.moment(event);
      dragging = { at, range: event.shiftKey };
      if (event.shiftKey) this.handlers.range(at, at);
      else this.handlers.seek(at);
    });
    bar.addEventListener("pointermove", (event) => {
      const at = this.moment(event);
      if (dragging?.range) this.handlers.range(Math.min(dragging.at, at), Math.max(dragging.at, at));
      else if (dragging) this.scrub(at);
      this.point(event, at);
    });
    const end = (event) => {
      if (dragging && !dragging.range && event.type === "pointerup") this.handlers.seek(this.moment(event));
      dragging = null;
    };
    bar.addEventListener("pointerup", end);
    bar.addEventListener("pointercancel", end);
    bar.addEventListener("pointerleave", () => this.away());
  }

  // While the pointer is moved, not for every pixel.
  scrub(at) {
    this.wanted = at;
    if (this.scrubbing) return;
    this.scrubbing = setTimeout(() => {
      this.scrubbing = null;
      this.handlers.seek(this.wanted);
    }, 60);
  }

  moment(event) {
    const { left, width } = this.bar.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.playback.length;
  }

  point(event, at) {
    const { left, width } = this.bar.getBoundingClientRect();
    this.peek.hidden = false;
    this.peekTime.textContent = clock(at, this.playback.length < 600 ? 1 : 0);
    const half = this.peek.offsetWidth / 2;
    const x = Math.min(width - half, Math.max(half, event.clientX - left));
    this.peek.style.left = `${Math.round(x)}px`;
    clearTimeout(this.peeking);
    // The same picture for neighbouring pixels: the server keeps those it has made.
    const step = this.playback.length / 400 || 1;
    const moment = Math.round(Math.round(at / step) * step * 1000) / 1000;
    if (moment !== this.peeked) this.peeking = setTimeout(() => void this.picture(moment), PEEK_AFTER);
  }

  async picture(moment) {
    this.fetching?.abort();
    this.fetching = new AbortController();
    try {
      const seen = await this.api.get("/preview", { t: moment }, this.fetching.signal);
      this.small ??= new Terminal(this.peekBox);
      await this.small.ready;
      const width = 240;
      this.peekBox.style.width = `${width}px`;
      this.small.columns = seen.cols;
      this.small.rows = seen.rows;
      const [natural, high] = this.small.natural();
      this.peekBox.style.height = `${Math.min(180, Math.round((width * high) / natural))}px`;
      this.small.reset(seen);
      this.peeked = moment;
    } catch {
      // aborted, or not to be had: the time alone is shown
    }
  }

  away() {
    clearTimeout(this.peeking);
    this.peek.hidden = true;
  }

  learn({ marks, idle, buckets, length }) {
    Object.assign(this, { marks, idle, buckets, measured: length });
    this.draw();
  }

  choose(range) {
    this.range = range;
    this.draw();
  }

  update() {
    const { position, length } = this.playback;
    const now = Math.round(position);
    if (now !== this.told) {
      this.told = now;
      this.bar.setAttribute("aria-valuenow", String(now));
      this.bar.setAttribute("aria-valuetext", `${clock(position)} of ${clock(length)}`);
    }
    this.bar.setAttribute("aria-valuemax", String(Math.round(length)));
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.paint();
    });
  }

  paint() {
    const scale = devicePixelRatio || 1;
    const width = this.bar.clientWidth;
    const height = this.bar.clientHeight;
    if (!width) return;
    if (this.canvas.width !== Math.round(width * scale) || this.canvas.height !== Math.round(height * scale)) {
      this.canvas.width = Math.round(width * scale);
      this.canvas.height = Math.round(height * scale);
    }
    const context = this.canvas.getContext("2d");
    const colours = getComputedStyle(this.bar);
    const colour = (name) => colours.getPropertyValue(`--${name}`).trim();
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const { position } = this.playback;
    const length = Math.max(this.playback.length, 0.001);
    const x = (at) => (Math.min(at, length) / length) * width;
    const top = height - TRACK - 4;
    context.fillStyle = colour("track");
    context.fillRect(0, top, width, TRACK);
    context.fillStyle = colour("idle");
    for (const [first, last] of this.idle) {
      context.fillRect(x(first), top + TRACK / 2 - 1, Math.max(1, x(last) - x(first)), 2);
    }
    context.fillStyle = colour("played");
    context.fillRect(0, top, x(position), TRACK);
    const bucket = this.measured / this.buckets;
    LANES.forEach((kind, lane) => {
      context.fillStyle = colour(`kind-${kind}`);
      for (const [place] of this.marks[kind] ?? []) {
        context.fillRect(Math.min(width - 3, x(place * bucket)), 1 + lane * LANE, 3, LANE - 1);
      }
    });
    if (this.range) {
      const [first, last] = this.range;
      context.fillStyle = colour("chosen");
      context.fillRect(x(first), 0, Math.max(2, x(last) - x(first)), height);
    }
    context.fillStyle = colour("here");
    context.fillRect(Math.min(width - 2, Math.max(0, x(position) - 1)), 0, 2, height);
  }
}
