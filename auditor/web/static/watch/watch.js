// One player: the terminal, the bar, the log and what else belongs to it, and what its buttons and keys do.

import { Api } from "./api.js";
import { Bar } from "./bar.js";
import { Control } from "./control.js";
import { Hits } from "./hits.js";
import { Keyboard } from "./keyboard.js";
import { Live } from "./live.js";
import { Log } from "./log.js";
import { Marks } from "./marks.js";
import { Playback, SLOWEST } from "./playback.js";
import { Terminal } from "./terminal.js";
import { clock, short, typedMoment } from "./time.js";
import { Tree } from "./tree.js";

const TYPED = 160;
const LOOK_AGAIN = 1500;
const SIZES = ["fit", "0.5", "0.75", "1", "1.5", "2", "3"];

export class Watch {
  constructor(root, { active = () => true, address = false, compact = false } = {}) {
    const { rec, length, live, start, control } = root.dataset;
    this.root = root;
    this.address = address;
    this.began = Number(start);
    this.api = new Api(rec);
    this.terminal = new Terminal(this.part("box"));
    this.playback = new Playback(this.api, this.terminal, { length: Number(length), live: live === "1" });
    this.marks = new Marks(this.terminal);
    const handlers = {
      seek: (at) => this.show(at),
      range: (first, last) => this.choose([first, last]),
      told: (text) => this.tell(text),
      changed: () => this.remember(),
    };
    this.bar = new Bar(root, this.api, this.playback, { ...handlers, seek: (at) => void this.seek(at) });
    this.log = new Log(root, this.api, this.playback, handlers);
    this.hits = new Hits(root, this.api, this.playback, this.marks, handlers);
    this.tree = new Tree(root, this.api, handlers);
    this.control = control === "1" ? new Control(root, this.api, confirmed) : null;
    this.typedText = "";
    this.range = null;
    if (compact) this.toggleLog();
    this.listen(active);
  }

  part(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  listen(active) {
    const { playback, root } = this;
    playback.addEventListener("moved", () => this.moved());
    playback.addEventListener("state", () => this.state());
    playback.addEventListener("length", () => this.moved());
    playback.addEventListener("exact", () => this.inexact());
    playback.addEventListener("told", ({ detail }) => this.tell(detail.text, detail.bad));
    playback.addEventListener("typed", ({ detail }) => this.type(detail));
    this.terminal.onresize = () => this.fit();
    new ResizeObserver(() => this.fit()).observe(this.part("stage"));
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) this.act(button.dataset.do);
    });
    this.part("speed").addEventListener("change", (event) => playback.setSpeed(Number(event.target.value)));
    this.part("zoom").addEventListener("change", () => this.fit());
    this.part("skip").addEventListener("change", (event) => (playback.skipIdle = event.target.checked));
    this.part("show-typed")?.addEventListener("change", (event) => void this.showTyped(event.target.checked));
    this.tabs = Array.from(root.querySelectorAll("[data-tab]"));
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.open(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => this.turn(event, tab));
    }
    const goto = (text) => {
      const at = text ? typedMoment(text) : playback.length;
      if (at !== null) void this.seek(at);
    };
    new Keyboard(root, (action) => this.act(action), goto, active);
  }

  // Plays by itself from the moment in the address; with a search it stands at the hit, to be read.
  async start(parameters) {
    const { playback } = this;
    try {
      await this.terminal.ready;
    } catch (error) {
      this.tell(error.message, true);
      return;
    }
    this.marks.watch();
    playback.setSpeed(Number(parameters.get("speed")) || 1);
    const range = (parameters.get("range") ?? "").split("-").map(Number);
    if (range.length === 2 && range.every((at) => at >= 0) && range[0] <= range[1]) this.choose(range);
    const text = (parameters.get("q") ?? "").trim();
    const given = parameters.has("t") ? Number(parameters.get("t")) : NaN;
    const at = given >= 0 ? given : playback.live && !text ? playback.length : 0;
    await playback.seek(at);
    requestAnimationFrame(() => setTimeout(() => performance.mark("first-screen")));
    playback.following = playback.live && !(given >= 0);
    if (!text) playback.play();
    this.fit();
    if (playback.live) {
      this.live = new Live(this.api, playback, (state) => this.ended(state));
      void this.live.listen();
    }
    void this.log.reload();
    void this.look();
    if (text) await this.hits.search(text, { here: !(given >= 0) });
  }

  act(action) {
    const { playback } = this;
    switch (action) {
      case "play": playback.toggle(); if (playback.playing) this.log.follow(); break;
      case "rewind": void this.seek(0); break;
      case "end": void this.seek(playback.length); break;
      case "back": void this.seek(playback.position - 5); break;
      case "forward": void this.seek(playback.position + 5); break;
      case "back-30": void this.seek(playback.position - 30); break;
      case "forward-30": void this.seek(playback.position + 30); break;
      case "step": void playback.step(); break;
      case "step-back": void playback.stepBack(); break;
      case "faster": playback.setSpeed(playback.speed * 2); break;
      case "slower": playback.setSpeed(playback.speed / 2); break;
      case "normal": playback.setSpeed(1); break;
      case "skip": this.toggle("skip"); break;
      case "typed": this.toggle("show-typed"); break;
      case "next-event": void this.event(true); break;
      case "previous-event": void this.event(false); break;
      case "search": this.showSide(); this.hits.query.focus(); this.hits.query.select(); break;
      case "next-hit": void this.hits.go(true); break;
      case "previous-hit": void this.hits.go(false); break;
      case "commands": this.commands(); break;
      case "log": this.toggleLog(); break;
      case "edge": if (playback.live) void playback.follow(); break;
      case "help": document.querySelector('[data-part="help"]').showModal(); break;
      case "larger": this.zoom(1); break;
      case "smaller": this.zoom(-1); break;
      case "fit": this.part("zoom").value = "fit"; this.fit(); break;
      case "screen": void this.fullScreen(); break;
      case "copy": void this.copy(this.terminal.text(), "The text of the screen is copied."); break;
      case "link": void this.copy(this.link(), "The link to this moment is copied."); break;
      case "verify": void this.verify(); break;
      case "range-from": this.choose([playback.position, Math.max(playback.position, this.range?.[1] ?? playback.length)]); break;
      case "range-to": this.choose([Math.min(this.range?.[0] ?? 0, playback.position), playback.position]); break;
      case "range-clear": this.choose(null); break;
      case "escape": this.escape(); break;
      default: break;
    }
  }

  // A hit and an event that is gone to pause, so that they can be read.
  async show(at) {
    this.playback.pause();
    await this.playback.seek(at);
    this.remember();
  }

  async seek(at) {
    this.log.follow();
    await this.playback.seek(at);
    this.remember();
  }

  moved() {
    const { playback } = this;
    this.bar.update();
    this.part("time").textContent = `${clock(playback.position)} / ${clock(playback.length)}`;
    const now = performance.now();
    if (now - (this.looked ?? 0) > 100) {
      this.looked = now;
      this.log.update();
    } else {
      this.later ??= setTimeout(() => {
        this.later = null;
        this.log.update();
      }, 150);
    }
  }

  state() {
    const { playback, root } = this;
    root.classList.toggle("playing", playback.playing);
    root.classList.toggle("waiting", playback.waiting);
    root.querySelector('[data-do="play"]').setAttribute("aria-label", playback.playing ? "Pause" : "Play");
    if (playback.speed >= SLOWEST) this.part("speed").value = String(playback.speed);
    const edge = this.part("edge");
    edge.hidden = !playback.live;
    edge.setAttribute("aria-pressed", String(playback.following));
    this.moved();
    if (!playback.playing) this.remember();
  }

  // What is known of the whole: marks, idle stretches, and whether the screen can be shown exactly by now.
  async look() {
    clearTimeout(this.looking);
    const { playback } = this;
    let again = true;
    try {
      const known = await this.api.get("/timeline", { buckets: 500 });
      this.bar.learn(known);
      playback.grow(known.length);
      this.read = known;
      if (!playback.exact && known.read >= playback.position) {
        await playback.seek(playback.position, { fresh: true });
      }
      this.inexact();
      if (playback.live) await this.log.refresh();
      again = !known.complete || playback.live;
    } catch (error) {
      this.tell(error.message);
    }
    if (again) this.looking = setTimeout(() => void this.look(), LOOK_AGAIN);
  }

  inexact() {
    const { playback } = this;
    this.root.classList.toggle("inexact", !playback.exact);
    if (!playback.exact) {
      const part = Math.floor((100 * (this.read?.read ?? 0)) / Math.max(playback.length, 0.001));
      this.tell(`Shown from what was printed shortly before. The recording is being read (${part} %), then it is exact.`);
    }
  }

  async event(forward) {
    const { playback, log } = this;
    const kind = log.kind && log.kind !== "none" ? log.kind : "command,exec,file,network,alert,other";
    const grace = !forward && playback.playing ? 1.5 * playback.speed : 0;
    try {
      const at = Math.max(0, playback.position - grace).toFixed(3);
      const { t } = await this.api.get("/events/near", { t: at, kind, ...(forward ? {} : { back: 1 }) });
      if (t === null) this.tell(forward ? "no later event" : "no earlier event");
      else await this.show(t);
    } catch (error) {
      this.tell(error.message);
    }
  }

  commands() {
    this.showSide();
    this.open("log");
    this.log.show(this.log.kind === "command" ? null : ["command"]);
    this.log.rows.focus();
  }

  choose(range) {
    this.range = range;
    this.bar.choose(range);
    this.log.choose(range);
    this.part("range").textContent = range ? `${clock(range[0], 1)} to ${clock(range[1], 1)}` : "";
    this.part("range-clear").hidden = !range;
    this.remember();
  }

  escape() {
    if (document.fullscreenElement) return;
    if (this.range) this.choose(null);
    else if (this.hits.text) void this.hits.search("");
    this.log.follow();
  }

  toggle(name) {
    const box = this.part(name);
    if (!box) {
      this.tell("You may not see what was typed.");
      return;
    }
    box.checked = !box.checked;
    box.dispatchEvent(new Event("change"));
    if (name === "skip") this.tell(box.checked ? "Pauses are played at most 2 seconds long." : "Pauses are played in full.");
  }

  async showTyped(on) {
    this.typedText = "";
    this.part("typed").hidden = !on;
    await this.playback.setTyped(on);
    this.live?.retype();
    this.fit();
  }

  type({ text }) {
    this.typedText = text === null ? "" : (this.typedText + visible(text)).slice(-TYPED);
    this.part("typed").textContent = this.typedText;
  }

  toggleLog() {
    const alone = this.root.classList.toggle("alone");
    this.part("log-button").setAttribute("aria-pressed", String(!alone));
    this.log.draw();
  }

  showSide() {
    if (this.root.classList.contains("alone")) this.toggleLog();
  }

  open(name) {
    for (const tab of this.tabs) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.root.querySelector(`[data-panel="${tab.dataset.tab}"]`).hidden = !chosen;
    }
    if (name === "tree") void this.tree.load();
    if (name === "log") this.log.draw();
  }

  turn(event, tab) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = this.tabs[(this.tabs.indexOf(tab) + step + this.tabs.length) % this.tabs.length];
    this.open(next.dataset.tab);
    next.focus();
  }

  zoom(step) {
    const select = this.part("zoom");
    const at = select.value === "fit" ? SIZES.indexOf("1") : SIZES.indexOf(select.value);
    select.value = SIZES[Math.min(SIZES.length - 1, Math.max(1, at + step))];
    this.fit();
  }

  // The terminal fills its place, or has a size of its own that can be scrolled.
  fit() {
    const box = this.part("box");
    const size = this.part("zoom").value;
    if (size === "fit") {
      const { clientWidth, clientHeight } = this.part("stage");
      box.style.width = `${clientWidth}px`;
      box.style.height = `${clientHeight}px`;
    } else {
      const [width, height] = this.terminal.natural();
      box.style.width = `${Math.ceil(width * Number(size))}px`;
      box.style.height = `${Math.ceil(height * Number(size))}px`;
    }
  }

  async fullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await this.root.requestFullscreen?.();
  }

  async verify() {
    const box = this.part("verdict");
    box.hidden = false;
    box.textContent = "verifying …";
    try {
      let said = await this.api.get("/verify");
      while (said.state === "checking") {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        said = await this.api.get("/verify");
      }
      box.replaceChildren(...verdict(said));
    } catch (error) {
      box.textContent = error.message;
    }
  }

  ended(state) {
    this.part("state").textContent = state;
    this.control?.end();
    this.tell("The session has ended.");
    void this.look();
  }

  link() {
    const address = new URL(location.pathname.startsWith("/watch/") ? location.href : this.address_(), location.href);
    address.hash = "";
    address.searchParams.delete("embed");
    return this.described(address).href;
  }

  address_() {
    return `/watch/${encodeURIComponent(this.root.dataset.rec)}`;
  }

  described(address) {
    const { playback } = this;
    const set = (name, value) => (value ? address.searchParams.set(name, value) : address.searchParams.delete(name));
    set("t", short(playback.position));
    set("q", this.hits.text);
    set("speed", playback.speed === 1 ? "" : String(playback.speed));
    set("range", this.range ? this.range.map(short).join("-") : "");
    return address;
  }

  // The address says where playback stands.
  remember() {
    if (!this.address || !this.playback.segment) return;
    clearTimeout(this.remembering);
    this.remembering = setTimeout(() => {
      history.replaceState(null, "", this.described(new URL(location.href)));
    }, 300);
  }

  async copy(text, told) {
    try {
      await navigator.clipboard.writeText(text);
      this.tell(told);
    } catch {
      this.tell(copiedOtherwise(text) ? told : "This browser does not let a page copy.");
    }
  }

  tell(text, bad = false) {
    const over = this.part("over");
    over.textContent = text;
    over.classList.toggle("bad", bad);
    over.hidden = false;
    clearTimeout(this.telling);
    if (!bad) this.telling = setTimeout(() => (over.hidden = true), 4000);
  }
}

// What may be shown of keys: control characters as ^C, escape as ESC.
function visible(text) {
  const names = { "\r": "⏎", "\n": "⏎", "\t": "⇥", "\x7f": "⌫", "\b": "⌫", "\x1b": "␛" };
  return Array.from(text, (char) => {
    if (names[char]) return names[char];
    const code = char.codePointAt(0);
    if (code < 32) return `^${String.fromCharCode(code + 64)}`;
    return /\p{C}/u.test(char) ? "\ufffd" : char;
  }).join("");
}

function verdict(said) {
  const line = (text, name) => {
    const made = document.createElement("p");
    made.textContent = text;
    made.className = name;
    return made;
  };
  return [
    line(said.text, "verdict-line"),
    ...said.proved.map((text) => line(`Proved: ${text}`, "good")),
    ...said.not_proved.map((text) => line(`Not proved: ${text}`, "warn")),
  ];
}

function copiedOtherwise(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "hidden-label";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function confirmed(question) {
  const dialog = document.querySelector('[data-part="confirm"]');
  dialog.querySelector('[data-part="question"]').textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
