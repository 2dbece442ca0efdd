(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector("[data-theme-button]");
  button.addEventListener("click", () => {
    const shown = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = shown === "dark" ? "light" : "dark";
  });

  for (const input of document.querySelectorAll("[data-side]")) {
    input.addEventListener("change", () => {
      input.closest(".example-images").dataset[input.dataset.side] = input.value;
    });
  }

  for (const figure of document.querySelectorAll(".compare")) {
    const stage = figure.querySelector(".stage");
    const range = figure.querySelector("input");
    const show = () => stage.style.setProperty("--split", `${range.value}%`);
    const drag = (event) => {
      const box = stage.getBoundingClientRect();
      range.value = Math.round((100 * (event.clientX - box.left)) / box.width);
      show();
    };
    range.addEventListener("input", show);
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      drag(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) drag(event);
    });
    show(); // a browser may have kept the position of an earlier visit
  }
  for (const input of document.querySelectorAll("[data-side]:checked")) {
    input.dispatchEvent(new Event("change"));
  }
  for (const figure of document.querySelectorAll("[data-strands]")) {
    const said = figure.querySelector(".said");
    const hint = said.textContent;
    const show = (strand) => {
      for (const each of figure.querySelectorAll(".strand.shown")) each.classList.remove("shown");
      if (strand) strand.classList.add("shown");
      said.textContent = strand ? strand.dataset.said : hint;
      said.classList.toggle("told", Boolean(strand));
    };
    for (const kind of ["pointerover", "pointerdown"]) {
      figure.addEventListener(kind, (event) => {
        const strand = event.target.closest(".strand");
        if (strand) show(strand);
      });
    }
    figure.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(null));
  }

  const print = () => document.querySelectorAll("details").forEach((each) => (each.open = true));
  addEventListener("beforeprint", print);

  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target) for (let each = target; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
