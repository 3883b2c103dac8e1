// A Vega specification on standard input, as an SVG on standard output: parsed, run and drawn by the real vega, which
// complains on standard error and ends with 1. Data must stand in it.
import { readFileSync } from "node:fs";
import * as vega from "vega";

const logger = vega.logger(vega.Warn);
const complaints = [];
logger.warn = (...what) => { complaints.push(what.join(" ")); return logger; };
logger.error = logger.warn;

const specification = JSON.parse(readFileSync(0, "utf8"));
const runtime = vega.parse(specification, {}, { logger });
const view = new vega.View(runtime, { renderer: "none", logger, logLevel: vega.Warn });
view.width(1000).height(400);
await view.runAsync();
const svg = await view.toSVG();
if (complaints.length) {
  console.error(complaints.join("\n"));
  process.exit(1);
}
process.stdout.write(svg);
