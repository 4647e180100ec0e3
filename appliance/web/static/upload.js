// Sends the chosen file as it is, and says how far it is.
"use strict";
(() => {
  const form = document.getElementById("upload");
  const file = document.getElementById("upload-file");
  const said = document.getElementById("upload-said");

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!file.files.length) return;
    const request = new XMLHttpRequest();
    const button = form.querySelector("button");
    button.disabled = true;
    const name = "named" in form.dataset ? encodeURIComponent(file.files[0].name) : "";
    request.open("PUT", form.dataset.address + name);
    request.setRequestHeader("content-type", "application/octet-stream");
    request.setRequestHeader("x-callisto-key", form.dataset.key);
    request.upload.addEventListener("progress", (now) => {
      if (!now.lengthComputable) return;
      const percent = Math.floor((100 * now.loaded) / now.total);
      said.textContent = percent < 100 ? `${percent} %` : "It is here, and is looked at …";
    });
    request.addEventListener("loadend", () => {
      button.disabled = false;
      if (request.status === 201) {
        location.assign(form.dataset.then);
        return;
      }
      let why = "The connection was lost.";
      try {
        why = JSON.parse(request.responseText).error;
      } catch { /* not ours */ }
      said.textContent = why;
    });
    request.send(file.files[0]);
  });
})();
