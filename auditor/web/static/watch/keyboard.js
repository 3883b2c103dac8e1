// Keys: those of the terminal player, and a few that only a page has. The table for people is on the server.

const KEYS = {
  " ": "play", p: "play", "}": "faster", "{": "slower", Backspace: "normal", ".": "step", ",": "step-back",
  End: "end", r: "rewind", Home: "rewind", ArrowLeft: "back", ArrowRight: "forward", ArrowUp: "back-30",
  ArrowDown: "forward-30", PageUp: "back-30", PageDown: "forward-30", "[": "previous-event", "]": "next-event",
  "/": "search", n: "next-hit", N: "previous-hit", i: "skip", c: "commands", e: "log", f: "edge", t: "typed",
  "?": "help", h: "help", "(": "range-from", ")": "range-to", "+": "larger", "-": "smaller", "0": "fit",
  F: "screen", y: "copy", l: "link", Escape: "escape",
};

const NAMED_BUTTON_KEYS = new Set([" ", "Enter"]);

export class Keyboard {
  // `active`: whether keys are for this player.
  constructor(root, act, goto, active = () => true) {
    this.typed = "";
    document.addEventListener(
      "keydown",
      (event) => {
        if (!active()) return;
        if (root.contains(event.target)) event.target.closest?.(".ap-wrapper") && event.stopPropagation();
        if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
        if (document.querySelector("dialog[open]")) return;
        if (isEntry(event.target, event.key)) return;
        if (event.target.closest?.('[role="listbox"], [role="tablist"]') && isMove(event.key)) return;
        if (/^[0-9:]$/.test(event.key) && (event.key !== "0" || this.typed)) {
          this.typed += event.key;
          event.preventDefault();
          return;
        }
        if (event.key === "G") {
          goto(this.typed);
          this.typed = "";
          event.preventDefault();
          return;
        }
        this.typed = "";
        const action = KEYS[event.key];
        if (!action) return;
        if (NAMED_BUTTON_KEYS.has(event.key) && event.target.closest?.("button, a, summary")) return;
        event.preventDefault();
        event.stopPropagation();
        act(action);
      },
      true,
    );
  }
}

function isMove(key) {
  return ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Enter", "Escape", "Home", "End"].includes(key);
}

// Where text is typed, or a choice is made by keys, they are for that.
function isEntry(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return key !== "?";
  if (!(target instanceof HTMLInputElement)) return false;
  return target.type === "checkbox" ? key === " " : key !== "Escape";
}
