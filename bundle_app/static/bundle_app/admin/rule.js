/* The form of a rule: shows the fields that its kind uses, and what it would do to today's bundles while it is typed.
   Without this, all fields are there and the "Preview" button answers. */

const WAIT_MILLISECONDS = 350;

const kind = document.querySelector("[data-rule-fields]");
const panel = document.querySelector("[data-rule-preview]");

const boxOf = (field) => field.closest(".fieldBox") || field.closest(".form-row");

function fitFields() {
  const used = JSON.parse(kind.dataset.ruleFields);
  const wanted = used[kind.value] || [];
  for (const name of new Set(Object.values(used).flat())) {
    const field = kind.form.elements[name];
    if (!field) continue;
    const isUsed = wanted.includes(name);
    boxOf(field).hidden = !isUsed;
    // A field that is not shown is not sent, so that it cannot be in the way of saving.
    field.disabled = !isUsed;
    if (isUsed && !field.value && field.dataset.ruleInitial) field.value = field.dataset.ruleInitial;
  }
  for (const [outer, inner] of [[".form-row", ".fieldBox"], ["fieldset.module", ".form-row"]]) {
    for (const container of kind.form.querySelectorAll(outer)) {
      const boxes = [...container.querySelectorAll(inner)];
      if (boxes.length) container.hidden = boxes.every((box) => box.hidden);
    }
  }
}

class Preview {
  constructor() {
    this.result = panel.querySelector("[data-rule-result]");
    this.summary = panel.querySelector("[data-rule-summary]");
    this.asked = 0;
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT_MILLISECONDS);
  }

  async ask() {
    const asked = (this.asked += 1);
    panel.setAttribute("aria-busy", "true");
    let answer;
    try {
      const response = await fetch(panel.dataset.rulePreview, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new FormData(kind.form),
      });
      if (!response.ok) throw new Error(response.statusText);
      answer = await response.json();
    } catch {
      answer = { html: "", summary: panel.dataset.lost };
    }
    if (asked !== this.asked) return;
    panel.removeAttribute("aria-busy");
    if (answer.html) {
      const parsed = new DOMParser().parseFromString(answer.html, "text/html");
      this.result.replaceChildren(...parsed.body.childNodes);
    } else {
      this.result.replaceChildren(Object.assign(document.createElement("p"), { className: "bundle-panel-text", textContent: answer.summary }));
    }
    this.summary.textContent = answer.summary;
  }
}

if (kind) {
  fitFields();
  kind.addEventListener("change", fitFields);
}

if (kind && panel) {
  const preview = new Preview();
  for (const type of ["input", "change", "focusout", "click"]) {
    // Pickers and calendars fill their field by script, which is seen when the focus leaves or a choice is clicked.
    kind.form.addEventListener(type, () => {
      const state = new URLSearchParams(new FormData(kind.form)).toString();
      if (state === preview.state) return;
      preview.state = state;
      preview.soon();
    });
  }
  panel.querySelector("[name=_preview]").addEventListener("click", (event) => {
    event.preventDefault();
    preview.ask();
  });
  preview.state = new URLSearchParams(new FormData(kind.form)).toString();
  if (kind.value) preview.ask();
}
