// The terminal: asciinema-player without its own controls and clock. It shows what it is given, at any size.

const FONT = 15;
const LINE = 1.3333333333;
const BORDER = 2 * 0.75;

export class Terminal {
  constructor(box) {
    this.box = box;
    this.columns = 80;
    this.rows = 24;
    this.onresize = () => {};
    this.ready = new Promise((resolve, reject) => {
      if (!globalThis.AsciinemaPlayer) {
        reject(new Error("The player is missing on this server."));
        return;
      }
      const driver = ({ dispatch }) => {
        this.dispatch = dispatch;
        return {
          play() {
            dispatch("playing");
            resolve();
            return true;
          },
          pause() {},
          stop() {},
          getTiming: () => ({ time: 0, rate: 0, sampledAt: performance.timeOrigin + performance.now() }),
        };
      };
      this.player = globalThis.AsciinemaPlayer.create(driver, box, {
        autoPlay: true,
        controls: false,
        fit: "both",
        cursorMode: "steady",
        theme: "asciinema",
      });
    });
  }

  // From a snapshot of a segment.
  reset({ cols, rows, init }) {
    this.dispatch("reset", { size: { cols, rows }, init });
    this.sized(cols, rows);
  }

  output(texts) {
    this.dispatch("output", texts);
  }

  resize(size) {
    const [cols, rows] = size.split("x").map(Number);
    this.dispatch("resize", { cols, rows });
    this.sized(cols, rows);
  }

  sized(columns, rows) {
    if (columns === this.columns && rows === this.rows) return;
    this.columns = columns;
    this.rows = rows;
    this.onresize();
  }

  // Width and height in pixels at which letters have their natural size.
  natural() {
    const height = (this.rows * LINE + BORDER) * FONT;
    return [(this.columns * this.letter() + BORDER) * FONT, height];
  }

  letter() {
    if (!this.measured) {
      const probe = document.createElement("span");
      probe.className = "ap-default-term-ff letters";
      probe.textContent = "M".repeat(100);
      document.body.append(probe);
      this.measured = probe.getBoundingClientRect().width / 100 / FONT || 0.6;
      probe.remove();
    }
    return this.measured;
  }

  get textLayer() {
    return this.box.querySelector("pre.ap-term-text");
  }

  // The rows as text. Each piece of a row stands at the column that its style names.
  lines() {
    const layer = this.textLayer;
    return layer ? Array.from(layer.children, (row) => rowText(row).text.trimEnd()) : [];
  }

  text() {
    return this.lines().join("\n").trimEnd() + "\n";
  }
}

// A row's text, and for each character of it the text node and the place in it; null between pieces.
export function rowText(row) {
  let text = "";
  const places = [];
  for (const span of row.children) {
    const column = Number(span.style.getPropertyValue("--offset")) || 0;
    while (places.length < column) {
      text += " ";
      places.push(null);
    }
    const node = span.firstChild;
    const value = node?.nodeValue ?? "";
    for (let index = 0; index < value.length; index += 1) {
      text += value[index];
      places.push([node, index]);
    }
  }
  return { text, places };
}
