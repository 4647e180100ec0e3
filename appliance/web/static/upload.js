// Sends the chosen backup as it is, and says how far it is.
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
    request.open("PUT", form.dataset.address);
    request.setRequestHeader("content-type", "application/zip");
    request.setRequestHeader("x-callisto-key", form.dataset.key);
    request.upload.addEventListener("progress", (now) => {
      if (now.lengthComputable) said.textContent = `${Math.floor((100 * now.loaded) / now.total)} %`;
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
