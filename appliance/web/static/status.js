// Fetches the changing part of the status page every ten seconds. The server counts it as no activity.
"use strict";
(() => {
  const EVERY_MS = 10000;
  const part = document.getElementById("status");
  const offline = document.getElementById("offline");
  let timer = 0;

  async function refresh() {
    clearTimeout(timer);
    try {
      const answer = await fetch("/status/part", {
        cache: "no-store", redirect: "error", signal: AbortSignal.timeout(EVERY_MS),
      });
      if (answer.status === 401) {
        location.replace("/login?reason=idle");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      part.innerHTML = await answer.text();
      offline.hidden = true;
    } catch {
      offline.hidden = false;
    }
    if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else refresh();
  });
  timer = setTimeout(refresh, EVERY_MS);
})();
