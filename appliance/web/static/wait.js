// Waits for the web server, which is stopped and started meanwhile, and loads the page again when it answers.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const then = document.currentScript.dataset.then;
  const away = document.getElementById("away");

  async function look() {
    try {
      const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      location.replace(then);
    } catch {
      away.hidden = false;
      setTimeout(look, EVERY_MS);
    }
  }

  setTimeout(look, EVERY_MS);
})();
