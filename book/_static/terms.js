// The definition of a term (book_terms.py) shows beside it: when one points at the term
// or comes to it by keyboard, and at the first tap, of which the second follows the link.
// Escape, a click elsewhere and going on hide it.
(() => {
  const WAIT = 200; // milliseconds before it shows, and hides, for who only passes over
  const GAP = 6; // pixels between a term and its definition
  const MARGIN = 16; // pixels between a definition and the edges of the window

  const template = document.querySelector("#definitions");
  for (const box of template.content.children) {
    box.className = "definition";
    box.setAttribute("role", "tooltip");
    box.hidden = true;
  }
  document.body.append(template.content);
  template.remove();
  for (const term of document.querySelectorAll("a.term")) {
    term.setAttribute("aria-describedby", definitionOf(term).id);
  }

  let shown = null; // the term whose definition shows
  let timer = 0;
  let pointer = ""; // what acted last: "mouse", "touch" or "pen", "" for the keyboard

  function definitionOf(term) {
    return document.getElementById(`definition-${term.hash.slice(1)}`);
  }

  function show(term) {
    clearTimeout(timer);
    if (shown === term) return;
    hide();
    shown = term;
    const box = definitionOf(term);
    box.hidden = false;
    place(box, term);
  }

  function hide() {
    clearTimeout(timer);
    if (shown) definitionOf(shown).hidden = true;
    shown = null;
  }

  function later(act) {
    clearTimeout(timer);
    timer = setTimeout(act, WAIT);
  }

  // Under the term, or above it where there is more room: its own line stays in sight.
  function place(box, term) {
    const lines = term.getClientRects();
    const width = document.documentElement.clientWidth;
    box.style.maxWidth = `${width - 2 * MARGIN}px`;
    box.style.left = box.style.top = "0";
    const { width: wide, height: high } = box.getBoundingClientRect();
    const last = lines[lines.length - 1];
    const below = innerHeight - last.bottom - GAP;
    const above = lines[0].top - GAP;
    const under = high <= below || below >= above;
    const left = Math.max(MARGIN, Math.min(last.left, width - wide - MARGIN));
    const top = under ? last.bottom + GAP : lines[0].top - GAP - high;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${top + scrollY}px`;
  }

  const termAt = (event) => event.target.closest?.("a.term");
  const inside = (event) => Boolean(event.target.closest?.(".definition"));

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const term = termAt(event);
    if (term) later(() => show(term));
    else if (inside(event)) clearTimeout(timer);
    else if (shown && shown !== document.activeElement) later(hide);
    else clearTimeout(timer);
  });

  document.addEventListener("focusin", (event) => {
    const term = termAt(event);
    if (term?.matches(":focus-visible")) show(term);
  });

  document.addEventListener("focusout", (event) => {
    if (!pointer && termAt(event) === shown) hide(); // a click in the definition may stay
  });

  document.addEventListener("keydown", (event) => {
    pointer = "";
    if (event.key === "Escape") hide();
  });

  document.addEventListener("pointerdown", (event) => {
    pointer = event.pointerType;
  });

  // A touch that scrolls ends without this.
  document.addEventListener("pointerup", (event) => {
    if (!termAt(event) && !inside(event)) hide();
  });

  document.addEventListener("click", (event) => {
    const term = termAt(event);
    if (term && term !== shown && pointer === "touch") {
      event.preventDefault();
      show(term);
    } else if (inside(event) && event.target.closest("a")) {
      hide(); // the link may lead to this page
    }
  });

  window.addEventListener("resize", hide);
})();
