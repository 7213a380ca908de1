// What is wider than the page scrolls by itself (see book.css). Let the keyboard reach
// it, and skip what does not scroll.
const REGIONS =
  "mjx-container[display], .bd-article pre, .bd-article .output, [class*=scrollable]";

function letKeyboardScroll() {
  for (const region of document.querySelectorAll(REGIONS)) {
    if (region.scrollWidth > region.clientWidth) {
      region.tabIndex = 0;
    } else {
      region.removeAttribute("tabindex");
    }
  }
}

const later = () => requestAnimationFrame(letKeyboardScroll);

// Formulas come after the page, and their fonts after them.
new MutationObserver(later).observe(document, { childList: true, subtree: true });
document.fonts.addEventListener("loadingdone", later);
window.addEventListener("load", later);
window.addEventListener("resize", later);
