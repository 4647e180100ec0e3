// Waits for the web server, which a restore stops and starts, and loads the page again when it answers.
"use strict";
(() => {
  const EVERY_MS = 2000;
  const away = document.getElementById("away");

  async function look() {
    try {
      const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      location.replace("/backup/restore?runs");
    } catch {
      away.hidden = false;
      setTimeout(look, EVERY_MS);
    }
  }

  setTimeout(look, EVERY_MS);
})();
