// Where playback stands and how it moves: parts of the recording are fetched as they are needed, one ahead.
//
// Events: "moved" position changed, "state" playing or not, "typed" {at, text}, "told" {text} something to say,
// "exact" whether the screen is exact, "length" more is known of a live session.

export const IDLE_LIMIT = 2;
export const FASTEST = 16;
export const SLOWEST = 1 / 16;
const KEPT = 20000;

export class Playback extends EventTarget {
  constructor(api, terminal, { length, live }) {
    super();
    this.api = api;
    this.terminal = terminal;
    this.length = length;
    this.live = live;
    this.position = 0;
    this.playing = false;
    this.speed = 1;
    this.skipIdle = false;
    this.typed = false;
    this.exact = true;
    this.following = false;
    this.segment = null;
    this.events = [];
    this.index = 0;
    this.last = 0;
    this.final = false;
    this.active = 0;
    this.turn = 0;
    this.ahead = null;
    this.frame = 0;
    this.then = 0;
    this.waiting = false;
  }

  get atEnd() {
    return this.final && this.index >= this.events.length;
  }

  // Go to a moment, with what happened in it. Resolves when it is shown.
  async seek(moment, { fresh = false } = {}) {
    const wanted = Math.max(0, Math.min(moment, this.length));
    const turn = ++this.turn;
    const held = this.segment;
    const here = held && wanted >= held.start && (this.final || wanted < this.until());
    const back = wanted < this.position || this.ended;
    if (!fresh && here && (!back || held.snapshot)) {
      if (back) this.show(held);
    } else {
      this.waiting = true;
      this.say("state");
      let segment;
      try {
        segment = await this.fetch("/segments", { t: wanted });
      } catch (error) {
        if (turn === this.turn) this.fail(error);
        return false;
      }
      if (turn !== this.turn) return false;
      this.waiting = false;
      this.take(segment);
      this.show(segment);
    }
    this.ended = false;
    this.position = wanted;
    this.apply(wanted);
    this.following = this.live && wanted >= this.length;
    this.say("moved");
    this.say("state");
    this.prefetch();
    return true;
  }

  // The events at hand reach to here.
  until() {
    return this.events.length ? this.events[this.events.length - 1][0] : this.segment.start;
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    this.then = performance.now();
    if (this.atEnd && !this.live) void this.seek(0);
    else if (this.atEnd) this.following = true;
    this.say("state");
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    // Of a live session it goes on from here, unless nothing has come since.
    this.following = false;
    cancelAnimationFrame(this.frame);
    this.say("state");
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed) {
    this.speed = Math.min(FASTEST, Math.max(SLOWEST, speed));
    this.say("state");
  }

  // To the newest moment of a live session, and on with it.
  async follow() {
    await this.seek(this.length);
    this.following = true;
    this.play();
    this.say("state");
  }

  // Show the next output at once.
  async step() {
    this.pause();
    for (;;) {
      const index = this.events.findIndex((event, place) => place >= this.index && event[1] === "o");
      if (index >= 0) {
        this.position = Math.max(this.position, this.events[index][0]);
        this.applyTo(index + 1);
        this.say("moved");
        return;
      }
      this.applyTo(this.events.length);
      if (this.final || !(await this.next())) return;
    }
  }

  // Back by one output, as far as it is at hand.
  async stepBack() {
    this.pause();
    let last = this.index - 1;
    while (last >= 0 && this.events[last][1] !== "o") last -= 1;
    let before = last - 1;
    while (before >= 0 && this.events[before][1] !== "o") before -= 1;
    if (before < 0 || !this.segment.snapshot) {
      const at = last >= 0 ? this.events[last][0] : this.position;
      await this.seek(Math.max(0, Math.min(at, this.segment.start) - 0.001), { fresh: true });
      return;
    }
    this.turn += 1;
    this.ended = false;
    this.show(this.segment);
    this.applyTo(before + 1);
    this.position = this.events[before][0];
    this.following = false;
    this.say("moved");
  }

  // News of a live session: events behind the message `after`.
  async hear({ after, last, length, events }) {
    this.grow(length);
    if (!this.final || last <= this.last) return;
    if (after === this.last) this.append({ events, last, final: true });
    else await this.next();
    // A page that nobody sees gets no frames, and is not to heap up what it has not shown.
    if (document.hidden && this.playing && this.following) this.advance(0);
  }

  grow(length) {
    if (length > this.length) {
      this.length = length;
      this.say("length");
    }
  }

  async setTyped(on) {
    this.typed = on;
    this.ahead = null;
    await this.seek(this.position, { fresh: true });
  }

  tick(now) {
    if (!this.playing) return;
    const elapsed = Math.min(1, Math.max(0, (now - this.then) / 1000));
    this.then = now;
    if (!this.waiting) this.advance(elapsed * this.speed);
    if (this.playing) this.frame = requestAnimationFrame((later) => this.tick(later));
  }

  advance(budget) {
    let left = budget;
    while (left > 0 || this.index < this.events.length) {
      const event = this.events[this.index];
      if (!event) {
        if (!this.final) {
          void this.next();
          break;
        }
        this.position = Math.max(this.position, Math.min(this.position + left, this.length));
        if (this.live) this.following ||= this.position >= this.length;
        else if (this.position >= this.length) {
          this.ended = true;
          this.pause();
        }
        break;
      }
      if (this.following) this.position = Math.max(this.position, event[0]);
      let wait = Math.max(0, event[0] - this.position);
      if (this.skipIdle) wait = Math.min(wait, Math.max(0, this.active + IDLE_LIMIT - this.position));
      if (wait > left) {
        this.position += left;
        break;
      }
      left -= wait;
      this.position = Math.max(this.position, event[0]);
      this.apply(this.position);
      if (this.index >= this.events.length - 1) this.prefetch();
    }
    this.say("moved");
  }

  // Everything up to a moment, and with it.
  apply(moment) {
    let end = this.index;
    while (end < this.events.length && this.events[end][0] <= moment) end += 1;
    this.applyTo(end);
  }

  applyTo(end) {
    let texts = [];
    for (; this.index < end; this.index += 1) {
      const [at, code, data] = this.events[this.index];
      this.active = at;
      if (code === "o") texts.push(data);
      else if (code === "r") {
        if (texts.length) this.terminal.output(texts);
        texts = [];
        this.terminal.resize(data);
      } else if (code === "i") this.say("typed", { at, text: data });
    }
    if (texts.length) this.terminal.output(texts);
    if (this.index > KEPT) {
      this.events.splice(0, this.index);
      this.index = 0;
      this.segment = { ...this.segment, start: this.position, snapshot: null };
    }
  }

  show(segment) {
    if (!segment.snapshot) return;
    this.terminal.reset(segment.snapshot);
    this.index = 0;
    this.active = segment.start;
    this.say("typed", { at: segment.start, text: null });
  }

  take(segment) {
    this.segment = segment;
    this.events = segment.events;
    this.index = 0;
    this.last = segment.last;
    this.final = segment.final;
    this.ahead = null;
    this.learn(segment);
  }

  learn(segment) {
    this.grow(segment.length);
    if (this.exact !== segment.exact) {
      this.exact = segment.exact;
      this.say("exact");
    }
  }

  append({ events, last, final }) {
    for (const event of events) this.events.push(event);
    this.last = last;
    this.final = final;
  }

  prefetch() {
    if (this.final || this.ahead) return;
    const last = this.last;
    const ahead = this.fetch(`/segments/${last}`, {});
    ahead.catch(() => {});
    this.ahead = { last, ahead };
  }

  // On to the next segment; false when that was not to be had.
  async next() {
    const turn = this.turn;
    this.waiting = true;
    try {
      if (!this.ahead || this.ahead.last !== this.last) {
        this.ahead = { last: this.last, ahead: this.fetch(`/segments/${this.last}`, {}) };
      }
      const segment = await this.ahead.ahead;
      if (turn !== this.turn) return false;
      this.ahead = null;
      if (this.final) this.append(segment);
      else this.take(segment);
      this.learn(segment);
      this.prefetch();
      return true;
    } catch (error) {
      if (turn === this.turn) this.fail(error);
      this.ahead = null;
      return false;
    } finally {
      if (turn === this.turn) {
        this.waiting = false;
        this.then = performance.now();
      }
    }
  }

  fetch(path, parameters) {
    return this.api.get(path, this.typed ? { ...parameters, input: 1 } : parameters);
  }

  fail(error) {
    this.waiting = false;
    this.pause();
    this.say("told", { text: error.message, bad: true });
  }

  say(name, detail = undefined) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
