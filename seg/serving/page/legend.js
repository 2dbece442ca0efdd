// The table of classes: color, name, area, and whether each is drawn.

const count = new Intl.NumberFormat("en");

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

export function swatch([red, green, blue]) {
  const element = document.createElement("span");
  element.className = "swatch";
  element.style.backgroundColor = `rgb(${red} ${green} ${blue})`;
  return element;
}

// Fill the table of a panel with the classes of its image, the largest first.
// onToggle: called with a name and whether the class is to be drawn.
export function fillLegend(root, view, hidden, onToggle) {
  const present = view.classes.filter((each) => each.pixels > 0).sort((a, b) => b.pixels - a.pixels);
  root.querySelector("caption").textContent = `Areas of the classes in the prediction of ${view.model}`;
  root.querySelector("tbody").replaceChildren(...present.map((each) => row(each, hidden, onToggle)));
  fillAbsent(root.querySelector(".absent"), view.classes.filter((each) => each.pixels === 0));
}

function row(each, hidden, onToggle) {
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = !hidden.has(each.name);
  box.dataset.name = each.name;
  box.addEventListener("change", () => onToggle(each.name, box.checked));
  const name = document.createElement("span");
  name.className = "class-name";
  name.textContent = each.name;
  label.append(box, swatch(each.color), name);
  head.append(label);
  const pixels = document.createElement("td");
  pixels.textContent = count.format(each.pixels);
  const share = document.createElement("td");
  const bar = document.createElement("span");
  bar.className = "bar";
  bar.style.width = `${100 * each.share}%`;
  const text = document.createElement("span");
  text.textContent = percent(each.share);
  share.append(text, bar);
  line.append(head, pixels, share);
  return line;
}

function fillAbsent(details, classes) {
  details.hidden = classes.length === 0;
  const word = classes.length === 1 ? "class does" : "classes do";
  details.querySelector("summary").textContent = `${classes.length} more ${word} not occur here`;
  details.querySelector("p").textContent = classes.map((each) => each.name).join(", ");
}

// Let boxes agree with what is drawn.
export function updateLegend(root, hidden) {
  for (const box of root.querySelectorAll("tbody input")) box.checked = !hidden.has(box.dataset.name);
}
