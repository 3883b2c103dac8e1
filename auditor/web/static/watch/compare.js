// Two players side by side. Keys are for the one that was used last.

import { Watch } from "./watch.js";

const roots = Array.from(document.querySelectorAll(".watch"));
let current = roots[0];
for (const root of roots) {
  for (const name of ["pointerdown", "focusin"]) root.addEventListener(name, () => (current = root));
}
const both = roots.map((root) => new Watch(root, { active: () => current === root, compact: true }));
const told = document.querySelector('[data-both="told"]');

document.querySelector('[data-both="play"]').addEventListener("click", () => {
  for (const watch of both) watch.playback.play();
});
document.querySelector('[data-both="pause"]').addEventListener("click", () => {
  for (const watch of both) watch.playback.pause();
});
document.querySelector('[data-both="elapsed"]').addEventListener("click", () => void together(0));
document.querySelector('[data-both="clock"]').addEventListener("click", () => {
  void together(both[0].began - both[1].began);
});

// The second to where the first is, `shift` seconds further on.
async function together(shift) {
  const [left, right] = both.map((watch) => watch.playback);
  const wanted = left.position + shift;
  told.textContent = wanted < 0 || wanted > right.length ? "The other session has no such moment." : "";
  await right.seek(wanted);
}

for (const watch of both) void watch.start(new URLSearchParams());
