/* Keeps the page of a training run up to date while it goes on. Without this, its "Refresh" link does. */

const EVERY_MILLISECONDS = 1000;
const SLOWEST_MILLISECONDS = 15000;

const run = document.querySelector("[data-progress-url]");

if (run) {
  const parts = Object.fromEntries([...run.querySelectorAll("[data-run]")].map((node) => [node.dataset.run, node]));
  let epochCount = -1;
  let wait = EVERY_MILLISECONDS;

  run.querySelector(".bundle-run-refresh").hidden = true;

  const write = (name, text) => {
    // Writing the same text again would make a screen reader say it again.
    if (parts[name].textContent !== text) parts[name].textContent = text;
  };

  const replace = (name, html) => {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    parts[name].replaceChildren(...parsed.body.childNodes);
  };

  const show = (state) => {
    write("status", state.status_label);
    parts.status.className = `bundle-badge bundle-badge-${state.status}`;
    write("stage", state.stage);
    write("percent", String(state.percent));
    write("duration", state.duration);
    write("message", state.message);
    write("silence", state.silence);
    parts.progress.value = state.progress;
    if (state.epoch_count !== epochCount) replace("curve", state.curve);
    epochCount = state.epoch_count;
    if (state.is_over) replace("outcome", state.outcome);
  };

  const poll = async () => {
    try {
      const response = await fetch(run.dataset.progressUrl, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.statusText);
      const state = await response.json();
      wait = EVERY_MILLISECONDS;
      show(state);
      if (state.is_over) return;
    } catch {
      wait = Math.min(wait * 2, SLOWEST_MILLISECONDS);
      write("silence", run.dataset.lost);
    }
    setTimeout(poll, wait);
  };

  setTimeout(poll, wait);
}
