// The widget works without this script. It only keeps a second click from adding a bundle twice.
"use strict";

document.addEventListener("submit", (event) => {
  const button = event.target.closest(".bundle-form")?.querySelector(".bundle-add");
  if (!button) return;
  if (button.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    return;
  }
  button.setAttribute("aria-busy", "true");
});

// A page that comes back out of the browser's cache has not been submitted.
window.addEventListener("pageshow", () => {
  document.querySelectorAll(".bundle-add[aria-busy]").forEach((button) => button.removeAttribute("aria-busy"));
});
