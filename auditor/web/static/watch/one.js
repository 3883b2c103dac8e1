// The page of one player.

import { Watch } from "./watch.js";

const root = document.querySelector(".watch");
const watch = new Watch(root, { address: true });
void watch.start(new URLSearchParams(location.search));
