// What is wider than the page scrolls by itself (see book.css). Let the keyboard reach
// it, and skip what does not scroll.
const REGIONS =
  "mjx-container[display], .bd-article pre, .bd-article .output, .printed, [class*=scrollable]";

function letKeyboardScroll() {
  const regions = [...document.querySelectorAll(REGIONS)];
  // All are measured before one is changed: the page is laid out once.
  const wide = regions.map((region) => region.scrollWidth > region.clientWidth);
  for (const [i, region] of regions.entries()) {
    if (wide[i]) {
      region.tabIndex = 0;
    } else {
      region.removeAttribute("tabindex");
    }
  }
}

// Not at each of many changes.
const PAUSE = 100; // ms
let planned = 0;
function later() {
  planned ||= setTimeout(() => {
    planned = 0;
    requestAnimationFrame(letKeyboardScroll);
  }, PAUSE);
}

// Fonts come after the page, and explorables change it.
new MutationObserver(later).observe(document, { childList: true, subtree: true });
document.fonts.addEventListener("loadingdone", later);
window.addEventListener("load", later);
window.addEventListener("resize", later);

// What is folded opens for those who are led to it, and for a printer. (A search of the
// browser opens it by itself.)
function unfold(part) {
  for (let e = part; e; e = e.parentElement) {
    if (e.localName === "details") e.open = true;
  }
}

// The book's search leads to a page, on which Sphinx then marks the words.
new MutationObserver((records) => {
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      if (node.classList?.contains("highlighted")) unfold(node);
    }
  }
}).observe(document, { childList: true, subtree: true });

function unfoldTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  unfold(target.querySelector(":scope > details.deeper") ?? target);
  target.scrollIntoView();
}

window.addEventListener("hashchange", unfoldTarget);
window.addEventListener("DOMContentLoaded", () => location.hash && unfoldTarget());
document.addEventListener("click", (event) => {
  // A second click on the same link changes no address.
  if (event.target.closest?.("a")?.hash === location.hash) unfoldTarget();
});

let openedForPaper = [];
window.addEventListener("beforeprint", () => {
  openedForPaper = [...document.querySelectorAll("details.deeper:not([open])")];
  openedForPaper.forEach(unfold);
});
window.addEventListener("afterprint", () => {
  for (const part of openedForPaper) part.open = false;
});

// A formula is copied as its TeX: what one sees of it are glyphs, which are not copied.
document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (!selection.rangeCount) return;
  const copied = document.createElement("div");
  copied.append(selection.getRangeAt(0).cloneContents());
  const formulas = copied.querySelectorAll(".math[data-tex]");
  if (!formulas.length) return;
  for (const formula of formulas) {
    const dollars = formula.localName === "div" ? "$$" : "$";
    formula.replaceWith(dollars + formula.dataset.tex + dollars);
  }
  document.body.append(copied); // which gives the text its line breaks
  event.clipboardData.setData("text/plain", copied.innerText);
  event.clipboardData.setData("text/html", copied.innerHTML);
  copied.remove();
  event.preventDefault();
});
