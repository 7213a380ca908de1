const root = document.documentElement;

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

// A link to a section is followed here, and not by the browser, when scripts have done
// their part and a frame with it has been drawn: so nothing moves before one's eyes. Who
// comes back, or loads the page again, is where he was: that the browser knows.
const [arrival] = performance.getEntriesByType("navigation");
const goal = arrival?.type === "navigate" ? location.hash : "";
if (goal) history.replaceState(history.state, "", location.href.split("#")[0]);

const target = () => {
  const hash = location.hash || goal;
  return document.getElementById(decodeURIComponent(hash.slice(1)));
};

// The book's search leads to a section, where Sphinx then marks the words. What is folded
// elsewhere stays so: the section would move.
new MutationObserver((records) => {
  const section = target()?.closest("section");
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      const marked = node.classList?.contains("highlighted");
      if (marked && (!section || node.closest("section") === section)) unfold(node);
    }
  }
}).observe(document, { childList: true, subtree: true });

function openTarget() {
  const part = target();
  if (!part) return null;
  unfold(part.querySelector(":scope > details.deeper") ?? part);
  // The last sections of a page, too, find room to stand at the top.
  const top = part.getBoundingClientRect().top + scrollY;
  const lacking = top + innerHeight - root.scrollHeight;
  const article = part.closest(".bd-article");
  if (lacking > 0 && article) {
    const room = parseFloat(getComputedStyle(article).paddingBottom) + lacking;
    article.style.paddingBottom = `${room}px`;
  }
  return part;
}

const unfoldTarget = () => openTarget()?.scrollIntoView();

let isReading = false;
for (const sign of ["wheel", "touchmove", "keydown", "pointerdown"]) {
  window.addEventListener(sign, () => (isReading = true), { once: true, passive: true });
}

function land() {
  if (isReading || !goal) return;
  openTarget();
  const frame = requestAnimationFrame;
  frame(() => frame(() => isReading || location.replace(goal)));
}

window.addEventListener("hashchange", unfoldTarget);
window.addEventListener("DOMContentLoaded", land);
window.addEventListener("load", () => document.fonts.ready.then(land));
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
