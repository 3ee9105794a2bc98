// The widget works without this script. It keeps a second click from adding a bundle twice, and lets the price follow
// what a shopper chooses.
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

const latestReading = new WeakMap(); // by form: what was chosen first may be answered last

document.addEventListener("change", async (event) => {
  const form = event.target.matches?.(".bundle-choice") ? event.target.form : null;
  if (!form?.dataset.offer) return;
  latestReading.get(form)?.abort();
  const reading = new AbortController();
  latestReading.set(form, reading);
  const widget = form.closest(".bundle-offer");
  const price = widget.querySelector(".bundle-price");
  const problem = widget.querySelector(".bundle-problem");
  const choices = new FormData(form);
  const query = new URLSearchParams(choices.getAll("choices").map((key) => ["choices", key]));
  for (const name of ["only_missing", "impression"]) if (choices.has(name)) query.set(name, choices.get(name));
  price.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.dataset.offer}?${query}`, { signal: reading.signal });
    const offer = await answer.json();
    problem.textContent = answer.ok ? "" : offer.detail;
    if (answer.ok) showPrice(widget, offer);
    price.hidden = !answer.ok; // a price that is another choice's is none
  } catch (error) {
    if (reading.signal.aborted) return;
    problem.textContent = problem.dataset.unread;
    price.hidden = true;
  }
  price.removeAttribute("aria-busy");
});

function showPrice(widget, offer) {
  show(widget.querySelector(".bundle-total"), offer.words.total).value = offer.total;
  show(widget.querySelector(".bundle-full-amount"), offer.words.full_price);
  show(widget.querySelector(".bundle-saving"), offer.words.saving);
  show(widget.querySelector(".bundle-offer-note"), offer.note);
  widget.querySelector(".bundle-full").hidden = !offer.words.saving;
  // Parts are told by their keys: on a page of its own, an item comes first.
  offer.parts.forEach((part, index) => {
    const key = CSS.escape(part.item_key);
    const shown = widget.querySelector(`.bundle-part[data-key="${key}"] .bundle-cost data`);
    if (shown) show(shown, offer.words.unit_prices[index]).value = part.unit_price;
  });
}

function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
  return element;
}
