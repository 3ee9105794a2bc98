/* A combobox (WAI-ARIA, list autocomplete) over each plain key input that carries data-bundle-picker.
   The key input stays in the form and is what is submitted; this only hides it and keeps it filled. */

const WAIT_MILLISECONDS = 180;
let count = 0;

class Picker {
  constructor(root) {
    this.root = root;
    this.key = root.querySelector("input");
    this.chosen = root.querySelector(".bundle-picker-title");
    this.products = [];
    this.active = -1;
    this.asked = 0;
    this.build();
  }

  build() {
    const id = `bundle-picker-${(count += 1)}`;
    const { label, placeholder } = this.root.dataset;
    this.list = element("ul", { id: `${id}-list`, role: "listbox", "aria-label": label, class: "bundle-picker-list", hidden: "" });
    this.status = element("span", { role: "status", class: "bundle-visually-hidden" });
    this.search = element("input", {
      id, type: "text", role: "combobox", class: "vTextField bundle-picker-search", placeholder, autocomplete: "off", spellcheck: "false",
      "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id,
    });
    for (const name of ["aria-invalid", "aria-describedby"]) {
      if (this.key.hasAttribute(name)) this.search.setAttribute(name, this.key.getAttribute(name));
    }
    const title = this.chosen.textContent;
    this.search.value = title || this.key.value;
    this.known = this.search.value;
    this.key.type = "hidden";
    this.note(title ? this.key.value : "");
    this.root.append(this.search, this.list, this.status, this.chosen);
    this.search.addEventListener("input", () => this.typed());
    // Some browsers and extensions fill a field without an input event.
    this.search.addEventListener("change", () => this.search.value !== this.known && this.typed());
    this.search.addEventListener("keydown", (event) => this.pressed(event));
    this.search.addEventListener("focus", () => this.search.select());
    this.search.addEventListener("blur", () => this.close());
    // A press on an option must not take the focus away before the click arrives.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.pick(Number(option.dataset.index));
    });
  }

  note(text) {
    this.chosen.textContent = text;
    this.chosen.classList.add("bundle-note");
  }

  typed() {
    // Until a product is picked, what was typed is the key: the server says so if there is none of that name.
    this.known = this.search.value;
    this.key.value = this.search.value.trim();
    this.note("");
    clearTimeout(this.timer);
    if (!this.key.value) {
      this.close();
      return;
    }
    this.timer = setTimeout(() => this.ask(this.key.value), WAIT_MILLISECONDS);
  }

  async ask(query) {
    const asked = (this.asked += 1);
    let answer;
    try {
      const response = await fetch(`${this.root.dataset.searchUrl}?${new URLSearchParams({ q: query })}`, {
        headers: { Accept: "application/json" },
      });
      answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
    } catch {
      answer = { products: [], failed: true };
    }
    if (asked !== this.asked || document.activeElement !== this.search) return;
    this.show(answer.products, answer.failed);
  }

  show(products, failed) {
    const { none, failed: failedText, found, foundOne } = this.root.dataset;
    this.products = products;
    this.active = -1;
    this.list.replaceChildren(...products.map((product, index) => this.option(product, index)));
    let told = failed ? failedText : none;
    if (products.length) told = products.length === 1 ? foundOne : found.replace("{count}", products.length);
    else this.list.append(element("li", { class: "bundle-picker-empty", role: "presentation" }, told));
    this.status.textContent = told;
    this.list.hidden = false;
    this.search.setAttribute("aria-expanded", "true");
    if (products.length) this.move(0);
  }

  option(product, index) {
    const option = element("li", { role: "option", id: `${this.list.id}-${index}`, "data-index": index, "aria-selected": "false" });
    option.append(element("span", {}, product.title), element("span", { class: "bundle-note" }, product.note));
    return option;
  }

  move(index) {
    const options = this.list.querySelectorAll("[role=option]");
    if (!options.length) return;
    options[this.active]?.setAttribute("aria-selected", "false");
    this.active = (index + options.length) % options.length;
    const option = options[this.active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.search.setAttribute("aria-activedescendant", option.id);
  }

  pressed(event) {
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (open) this.move(this.active + (event.key === "ArrowDown" ? 1 : -1));
      else if (this.search.value.trim()) this.ask(this.search.value.trim());
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      if (this.active >= 0) this.pick(this.active);
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Tab" && open && this.active >= 0) {
      this.pick(this.active);
    }
  }

  pick(index) {
    const product = this.products[index];
    if (!product) return;
    this.key.value = product.key;
    this.search.value = product.title;
    this.known = product.title;
    this.note(product.note);
    this.close();
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.list.hidden = true;
    this.search.setAttribute("aria-expanded", "false");
    this.search.removeAttribute("aria-activedescendant");
  }
}

function element(name, attributes, text = "") {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  return node;
}

function enhance(within) {
  for (const root of within.querySelectorAll("[data-bundle-picker]:not([data-enhanced])")) {
    if (root.querySelector("input").name.includes("__prefix__")) continue;
    root.dataset.enhanced = "";
    new Picker(root);
  }
}

enhance(document);
document.addEventListener("formset:added", (event) => enhance(event.target));
