// Ways in which images come: chosen, dropped, pasted; and the strip of those that are here.

const STATES = { waiting: "waiting", working: "being segmented", done: "segmented", failed: "failed" };

// Give chosen, dropped and pasted files to `onFiles`.
export function connectIntake(onFiles) {
  const input = document.getElementById("files");
  document.getElementById("choose").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onFiles([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  });
  connectDrop(onFiles);
}

function connectDrop(onFiles) {
  const area = document.documentElement;
  const isOfFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isOfFiles(event)) return;
    event.preventDefault();
    area.classList.add("dragging");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) area.classList.remove("dragging");
  });
  document.addEventListener("drop", (event) => {
    area.classList.remove("dragging");
    if (!isOfFiles(event)) return;
    event.preventDefault();
    onFiles(filesOf(event.dataTransfer));
  });
}

function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

// Draw the strip: a button for each image, which selects it, and one which removes it.
export class Strip {
  constructor(list, { onSelect, onRemove }) {
    this.list = list;
    this.onSelect = onSelect;
    this.onRemove = onRemove;
  }

  add(image) {
    const item = document.createElement("li");
    const select = document.createElement("button");
    select.type = "button";
    select.className = "thumbnail";
    const preview = document.createElement("img");
    preview.src = image.address;
    preview.alt = "";
    preview.addEventListener("error", () => preview.remove());
    const name = document.createElement("span");
    name.textContent = image.name;
    select.append(preview, name);
    select.addEventListener("click", () => this.onSelect(image));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "remove";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove ${image.name}`);
    remove.addEventListener("click", () => this.onRemove(image));
    item.append(select, remove);
    this.list.append(item);
    image.item = item;
    this.list.hidden = false;
  }

  remove(image) {
    image.item.remove();
    this.list.hidden = this.list.childElementCount === 0;
  }

  // Show which image is selected, and how far each is.
  update(images, selected) {
    for (const image of images) {
      const button = image.item.firstChild;
      button.setAttribute("aria-pressed", String(image === selected));
      button.dataset.state = image.state;
      button.setAttribute("aria-label", `${image.name}, ${STATES[image.state]}`);
      button.title = `${image.name}: ${STATES[image.state]}`;
    }
  }
}
