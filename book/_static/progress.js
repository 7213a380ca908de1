// How many minutes of a chapter's main line are left (book_progress.py), beside the first
// button of the header, and a bar along its foot. Nothing moves by itself: both follow
// the page as it is scrolled.
(() => {
  const LINE = 1 / 3; // of the window's height, where one reads
  const steps = matchMedia("(prefers-reduced-motion: reduce)");

  const sections = [...document.querySelectorAll("section[data-minutes]")];
  const minutes = sections.map((section) => Number(section.dataset.minutes));
  const whole = minutes.reduce((sum, some) => sum + some, 0);
  const summary = document.querySelector("section#summary") ?? sections.at(-1);

  const shown = document.createElement("div");
  shown.className = "progress-left";
  const tell = (name, value) => shown.setAttribute(name, value);
  tell("role", "progressbar");
  tell("aria-label", "Main line of this chapter");
  tell("aria-valuemin", 0);
  tell("aria-valuemax", whole);
  document.querySelector(".header-article-items__start").append(shown);

  // The pixels of the main line between two heights: without what goes deeper.
  function pixels(from, to, deeper) {
    const overlap = ({ top, bottom }) => {
      return Math.max(0, Math.min(bottom, to) - Math.max(top, from));
    };
    return deeper.reduce((left, part) => left - overlap(part), Math.max(0, to - from));
  }

  function minutesLeft() {
    const line = innerHeight * LINE;
    const box = (element) => element.getBoundingClientRect();
    const open = [...document.querySelectorAll("details.deeper[open]")].map(box);
    const edges = sections.map((section) => box(section).top);
    edges[0] = box(document.querySelector(".bd-article")).top;
    edges.push(box(summary).bottom);
    return minutes.reduce((left, some, i) => {
      const [top, bottom] = [edges[i], edges[i + 1]];
      const read = pixels(top, Math.min(Math.max(line, top), bottom), open);
      return left + some * (1 - read / pixels(top, bottom, open));
    }, 0);
  }

  function show() {
    const left = minutesLeft();
    const count = Math.ceil(left);
    const read = 1 - (steps.matches ? count : left) / whole;
    const text = count ? `${count} min left` : "read to the end";
    shown.style.setProperty("--read", read.toFixed(4));
    if (shown.textContent === text) return;
    shown.textContent = text;
    tell("aria-valuenow", whole - count);
    tell("aria-valuetext", text.replace("min", count === 1 ? "minute" : "minutes"));
  }

  let asked = 0;
  function later() {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(show);
  }

  document.addEventListener("scroll", later, { passive: true });
  document.addEventListener("toggle", later, { capture: true }); // a fold
  window.addEventListener("resize", later);
  window.addEventListener("load", later);
  show();
})();
