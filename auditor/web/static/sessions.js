// Keeps a list of live sessions up to date. Without it the page is loaded again by hand.

const PAUSE = 2000;  // ms between the end of one request and the next one

const list = document.querySelector("#list[data-refresh]");

async function refresh() {
  if (document.visibilityState !== "visible") {
    return;
  }
  const answer = await fetch(location.href, { headers: { "X-Refresh": "1" }, redirect: "error" });
  if (!answer.ok) {
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("list");
  if (fresh === null || fresh.innerHTML === list.innerHTML) {
    return;
  }
  const focused = list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  list.replaceChildren(...fresh.childNodes);
  if (focused !== null) {
    [...list.querySelectorAll("a")].find((link) => link.getAttribute("href") === focused)?.focus();
  }
}

async function follow() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    try {
      await refresh();
    } catch {
      // The server or the session has ended: what is shown stays, and a click says why.
    }
  }
}

if (list !== null) {
  follow();
}
