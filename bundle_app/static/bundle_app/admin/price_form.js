// The form works without this script. It hides the number that the chosen form of price does not take.
const NUMBERS = {
  percent: ["discount_percent"],
  amount: ["discount_amount"],
  fixed_price: ["discount_amount"],
  cheapest_free: [],
};

const chosen = document.getElementById("id_discount_form");

function show() {
  for (const name of ["discount_percent", "discount_amount"]) {
    const row = document.querySelector(`.form-row.field-${name}`);
    if (row) row.hidden = !(NUMBERS[chosen.value] ?? [name]).includes(name);
  }
}

if (chosen) {
  chosen.addEventListener("change", show);
  show();
}
