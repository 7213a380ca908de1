// What book_roles.py runs after book_mathjax.js: the symbols of a formula in the colours
// of their roles, as classes on what one sees. The MathML beside it stays as it is.
const SCRIPTS = new Set(["mjx-msub", "mjx-msup", "mjx-msubsup"]);
const DELTA = "mjx-c1D6FF";
const PARTIAL = "mjx-c1D715";

// The class of the glyph of a small letter, in italics.
function glyph(letter) {
  const place = letter === "h" ? 0x210e : 0x1d44e + letter.charCodeAt(0) - 97;
  return `mjx-c${place.toString(16).toUpperCase()}`;
}

// Colour the symbols of a formula: `roles` has the role of a letter. Its index follows,
// its power does not. A delta takes what follows it, a derivative is one fraction.
function colourRoles(container, roles) {
  const html = MathJax.startup.adaptor;
  const named = new Map(Object.entries(roles).map(([s, role]) => [glyph(s), role]));

  const first = (node) => html.childNodes(node)[0];
  const base = (node) => (SCRIPTS.has(html.kind(node)) ? first(node) : node);
  const paint = (node, role) => html.addClass(node, `role-${role}`);

  function sign(node) {
    if (html.kind(node) !== "mjx-mi" || html.childNodes(node).length !== 1) return "";
    return html.allClasses(first(node))[0];
  }

  // The index and the power of a symbol, null for what it has not.
  function scripts(node) {
    const kind = html.kind(node);
    if (!SCRIPTS.has(kind)) return { index: null, power: null };
    const script = html.childNodes(node)[1];
    const parts = html.childNodes(script); // the power, a space, the index
    return {
      index: kind === "mjx-msub" ? script : kind === "mjx-msubsup" ? parts.at(-1) : null,
      power: kind === "mjx-msub" ? null : parts[0],
    };
  }

  function paintSymbol(node, role) {
    paint(base(node), role);
    const { index, power } = scripts(node);
    if (index) paint(index, role);
    if (power) walk([power]);
  }

  function isDerivative(node) {
    if (html.kind(node) !== "mjx-mfrac") return false;
    const [numerator] = html.tags(node, "mjx-num");
    return html.allClasses(html.tags(numerator, "mjx-c")[0]).includes(PARTIAL);
  }

  function walk(nodes) {
    for (let i = 0; i < nodes.length; i++) {
      const [node, next] = [nodes[i], nodes[i + 1]];
      const role = named.get(sign(base(node)));
      if (sign(node) === DELTA && next && sign(base(next))) {
        paint(node, "gradient");
        paintSymbol(next, "gradient");
        i++;
      } else if (isDerivative(node)) {
        paint(node, "gradient");
      } else if (role) {
        paintSymbol(node, role);
      } else if (SCRIPTS.has(html.kind(node))) {
        walk([base(node)]);
        const { power } = scripts(node);
        if (power) walk([power]);
      } else if (html.kind(node) !== "#text") {
        walk(html.childNodes(node));
      }
    }
  }

  walk(html.tags(container, "mjx-math"));
  return container;
}
