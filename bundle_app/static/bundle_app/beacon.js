// Tells the shop what becomes of the bundles on a page: seen, clicked, added, dismissed. Pages work without it.
//
// A report stays in this tab's queue until the server has acknowledged it, also over to the next page; the server counts
// it once, however often it arrives. What is unusual: a report carries no time but how long ago it happened, because the
// clocks of visitors are wrong.

const SEEN_RATIO = 0.5; // of the offer; of the window, for an offer that is taller than it
const SEEN_MS = 1000;
const GATHER_MS = 2000;
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 60_000;
const MOST_QUEUED = 200;
const MOST_SENT = 50; // their tokens stay below the 64 KiB that browsers send for a page that is closing
const STORE = "bundle_app.events";

function watch(endpoint) {
  const queue = new Queue(endpoint);
  const offers = [...document.querySelectorAll("[data-events] [data-showing]")];
  const report = (offer, kind) => queue.add(offer.dataset.showing, kind);
  seeing(offers, (offer) => report(offer, "impression"));
  for (const offer of offers) {
    offer.addEventListener("click", (event) => {
      if (event.target.closest("a[href]")) report(offer, "click");
    });
    offer.addEventListener("auxclick", (event) => {
      if (event.button === 1 && event.target.closest("a[href]")) report(offer, "click"); // opened in a new tab
    });
    offer.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) report(offer, "add");
    });
    const dismiss = offer.querySelector(".bundle-dismiss");
    if (!dismiss) continue;
    dismiss.hidden = false;
    dismiss.addEventListener("click", () => {
      report(offer, "dismiss");
      hide(offer);
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") queue.leave();
  });
  addEventListener("pagehide", () => queue.leave());
  if (queue.length) queue.send(); // what the page before could not deliver
}

// Calls back once for each offer, when enough of it was visible for long enough in a tab that was in view.
function seeing(offers, seen) {
  const timers = new Map();
  const inView = new Set();
  const stop = (offer) => {
    clearTimeout(timers.get(offer));
    timers.delete(offer);
  };
  const start = (offer) => {
    if (timers.has(offer) || document.visibilityState !== "visible") return;
    timers.set(
      offer,
      setTimeout(() => {
        observer.unobserve(offer);
        inView.delete(offer);
        seen(offer);
      }, SEEN_MS),
    );
  };
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio, intersectionRect, rootBounds } of entries) {
        const fills = rootBounds !== null && intersectionRect.height >= SEEN_RATIO * rootBounds.height;
        if (intersectionRatio >= SEEN_RATIO || fills) {
          inView.add(target);
          start(target);
        } else {
          inView.delete(target);
          stop(target);
        }
      }
    },
    { threshold: [0, 0.1, 0.2, 0.3, 0.4, SEEN_RATIO, 0.6] },
  );
  offers.forEach((offer) => observer.observe(offer));
  document.addEventListener("visibilitychange", () => inView.forEach(document.visibilityState === "visible" ? start : stop));
}

// The focus goes on to what follows, as it would have by the Tab key.
function hide(offer) {
  const widget = offer.closest("[data-events]");
  offer.hidden = true;
  const left = widget.querySelector("[data-showing]:not([hidden]) .bundle-dismiss");
  if (left) {
    left.focus();
    return;
  }
  widget.querySelector(".bundle-offers")?.setAttribute("hidden", "");
  const heading = widget.querySelector(".bundle-heading");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
}

class Queue {
  constructor(endpoint) {
    this.endpoint = endpoint;
    this.reports = this.#stored();
    this.underWay = []; // what a request without an answer holds
    this.retryMs = FIRST_RETRY_MS;
    this.timer = undefined;
  }

  get length() {
    return this.reports.length;
  }

  add(token, kind) {
    if (this.reports.some((report) => report.token === token && report.kind === kind)) return;
    this.reports.push({ token, kind, at: Date.now() });
    this.reports.splice(0, this.reports.length - MOST_QUEUED);
    this.#store();
    if (kind === "impression") this.#sendIn(GATHER_MS);
    else this.send(); // a click leads away from this page
  }

  async send() {
    if (this.underWay.length || !this.reports.length) return;
    clearTimeout(this.timer);
    this.timer = undefined;
    const sent = this.reports.slice(0, MOST_SENT);
    this.underWay = sent;
    let waitMs = null;
    try {
      const answer = await fetch(this.endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: body(sent),
        keepalive: true,
      });
      if (answer.status === 429 || answer.status >= 500) {
        waitMs = Math.max(1000 * (Number(answer.headers.get("Retry-After")) || 0), this.retryMs);
      }
    } catch {
      waitMs = this.retryMs;
    }
    this.underWay = [];
    if (waitMs === null) {
      // Counted, or refused for good: sending it again would change nothing.
      this.reports = this.reports.filter((report) => !sent.includes(report));
      this.retryMs = FIRST_RETRY_MS;
      this.#store();
      if (this.reports.length) this.#sendIn(0);
    } else {
      this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
      this.#sendIn(waitMs);
    }
  }

  // The last chance of this page. Whether it arrived is not told, so the reports stay for the next page.
  leave() {
    const left = this.reports.filter((report) => !this.underWay.includes(report)).slice(0, MOST_SENT);
    if (left.length) navigator.sendBeacon(this.endpoint, new Blob([body(left)], { type: "application/json" }));
  }

  #sendIn(ms) {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.send();
    }, ms);
  }

  #stored() {
    try {
      const stored = JSON.parse(sessionStorage.getItem(STORE) ?? "[]");
      return Array.isArray(stored) ? stored : [];
    } catch {
      return []; // storage is switched off, or holds what is not ours
    }
  }

  #store() {
    try {
      sessionStorage.setItem(STORE, JSON.stringify(this.reports));
    } catch {
      // Then this page's memory has to do.
    }
  }
}

function body(reports) {
  const now = Date.now();
  const events = reports.map(({ token, kind, at }) => ({ token, kind, ago_seconds: Math.max(now - at, 0) / 1000 }));
  return JSON.stringify({ events });
}

const stage = document.querySelector("[data-events]");
if (stage) watch(stage.dataset.events);
