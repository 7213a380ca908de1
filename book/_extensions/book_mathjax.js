// What book_mathjax.py runs: MathJax without a browser, which typesets a formula when the
// book is built. `sources` holds the text of MathJax's files, by name.
var window = globalThis;
var MathJax = {
  loader: {
    load: ["adaptors/liteDOM", "input/tex", "output/chtml", "a11y/assistive-mml"],
    paths: { mathjax: "" },
    require: (name) => (0, eval)(sources[name.replace(/^\//, "")]),
  },
  startup: { typeset: false },
  chtml: { fontURL },
};
(0, eval)(sources["startup.js"]);

// After these signs the line may be broken within a long formula in a sentence.
const RELATIONS = new Set([..."=≈≤≥<>←→∼≠"].map((sign) => {
  return `mjx-c${sign.codePointAt(0).toString(16).toUpperCase()}`;
}));
const LONG = 16; // glyphs

// Put what may not be broken into one element each, and return the formula.
function breakAfterRelations(container) {
  const html = MathJax.startup.adaptor;
  if (html.tags(container, "mjx-c").length < LONG) return container;
  const [math] = html.tags(container, "mjx-math");
  const parts = [[]];
  for (const child of [...html.childNodes(math)]) {
    const [glyph] = html.kind(child) === "mjx-mo" ? html.childNodes(child) : [];
    const relation = glyph && html.allClasses(glyph).some((c) => RELATIONS.has(c));
    parts.at(-1).push(child);
    if (relation) parts.push([]);
  }
  if (parts.length === 1 || !parts.at(-1).length) return container;
  html.setAttribute(container, "breaks", "true");
  for (const [i, children] of parts.entries()) {
    const part = html.node("mjx-part");
    for (const child of children) {
      html.remove(child);
      html.append(part, child);
    }
    // The space after the sign stays at the end of the line.
    const [first] = parts[i + 1] ?? [];
    if (first && html.hasAttribute(first, "space")) {
      html.setAttribute(part, "rspace", html.getAttribute(first, "space"));
      html.removeAttribute(first, "space");
    }
    if (i) html.append(math, html.node("mjx-break", {}, [html.text(" ")]));
    html.append(math, part);
  }
  return container;
}

// The HTML of a formula: one with roles stands on a line of its own (book_roles.js).
function typeset(tex, roles) {
  const container = MathJax.tex2chtml(tex, { display: Boolean(roles) });
  return MathJax.startup.adaptor.outerHTML(
    roles ? colourRoles(container, roles) : breakAfterRelations(container),
  );
}

// The style of all that was typeset since this was last asked.
function style() {
  const sheet = MathJax.startup.adaptor.textContent(MathJax.chtmlStylesheet());
  MathJax.startup.output.clearCache();
  return sheet;
}
