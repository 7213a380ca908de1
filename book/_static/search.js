// The search of the book: which sections answer a query, and which of their sentences to
// quote. search_index.js holds the sections (book/_extensions/book_search.py), so that
// no other page is read, and pages that are opened as files can be searched too.
//
// A section is ranked by BM25 over its words (Robertson and Zaragoza 2009), where those
// of its heading count several times, and by how well its heading, the terms that the
// glossary says it explains, and what it prints in bold agree with the query: by their
// weighted Jaccard index, whose weights are those of the words.

const Search = (() => {
  const SATURATION = 1.2, LENGTH = 0.6; // k1 and b of BM25
  const OF = { title: 5, terms: 2, above: 1.5, text: 1, words: 0.4 }; // what a word there counts
  const TERM = 8, TITLE = 4, BOLD = 2, PHRASE = 1.5;
  const MOST = 20, WEAKEST = 0.12; // results that are shown: how many, and how good
  const QUOTED = 36; // words of an excerpt
  const WORD = /[\p{L}\p{N}_]+(\.\p{N}+)*/gu;
  const ASKING = new Set(`what how why does do did when where which who can could should
    i my we you us use using work works mean meaning explain explained definition`.split(/\s+/));

  let pages, sections, known, averageLength;
  const stems = new Map();
  const stemmer = new Stemmer();

  function stem(word) {
    if (!stems.has(word)) {
      const british = word.replace(/is(?=(e|ed|es|er|ing|ation|ations)$)/, "iz");
      stems.set(word, stemmer.stemWord(british));
    }
    return stems.get(word);
  }

  // The words of a text that say something.
  const stopped = new Set(stopwords);
  const spoken = (text) =>
    (text.toLowerCase().match(WORD) ?? []).filter((word) => !stopped.has(word));

  // Their stems, in order. A name such as outputs_info counts as a whole, and its parts
  // too; h_0 is h0.
  const whole = (word) => (word.includes("_") ? word.replace(/_(?=\d)/, "") : stem(word));
  function tokens(text) {
    const found = [];
    for (const word of spoken(text)) {
      found.push(whole(word));
      if (word.includes("_")) found.push(...word.split("_").filter(Boolean).map(stem));
    }
    return found;
  }

  const parts = (names) => names.map((name) => new Set(spoken(name).map(whole)));

  function count(section, field, list) {
    for (const word of list) {
      const counts = section.counts;
      counts.set(word, (counts.get(word) ?? 0) + OF[field]);
    }
  }

  function load([heads, rows]) {
    pages = heads.map(([address, title]) => ({ address, title }));
    known = new Map();
    sections = rows.map(([page, anchor, title, weight, above, text, words, terms, bold]) => {
      const section = { page: pages[page], anchor, title, weight, above, text, words };
      section.counts = new Map();
      section.order = tokens(text);
      count(section, "title", tokens(title));
      count(section, "above", tokens([section.page.title, ...above].join(" ")));
      count(section, "text", section.order);
      count(section, "words", tokens(words));
      count(section, "terms", tokens(terms.join(" ")));
      section.titles = parts(title.replace(/^Going deeper: /, "").split(": "));
      section.terms = parts(terms);
      section.bold = parts(bold);
      section.length = section.order.length + 20;
      for (const word of section.counts.keys()) known.set(word, (known.get(word) ?? 0) + 1);
      return section;
    });
    const total = sections.reduce((sum, section) => sum + section.length, 0);
    averageLength = total / sections.length;
    if (typeof document !== "undefined") show();
  }

  // How rare a word is.
  function rarity(word) {
    const n = known.get(word) ?? 0;
    return Math.log(1 + (sections.length - n + 0.5) / (n + 0.5));
  }

  // Whether two words differ by one letter: another, one more, or two in another order.
  function near(a, b) {
    let i = 0;
    while (i < a.length && a[i] === b[i]) i++;
    const [x, y] = [a.slice(i), b.slice(i)];
    return (
      x.slice(1) === y.slice(1) || x.slice(1) === y || x === y.slice(1) ||
      (x[0] === y[1] && x[1] === y[0] && x.slice(2) === y.slice(2))
    );
  }

  const hasPhrase = (order, phrase) =>
    order.some((_, i) => phrase.every((word, j) => order[i + j] === word));
  const within = (phrase) =>
    sections.filter((section) => hasPhrase(section.order, phrase)).length;

  // Two words as one, if the book writes them so: dropout for "drop out".
  function joined(first, second = "") {
    const one = stem(first + second);
    const is = second && known.has(one) && within([one]) > within([first, second].map(stem));
    return is ? [one] : [];
  }

  // One word as two, if the book writes it so: cross entropy for "crossentropy".
  function halved(word) {
    for (let i = 3; i <= word.length - 3; i++) {
      const halves = [word.slice(0, i), word.slice(i)].map(stem);
      const are = halves.every((half) => known.has(half));
      if (are && within(halves) > within([stem(word)])) return halves;
    }
    return [];
  }

  // What a word may mean that stands nowhere: one that begins so, or is spelt nearly so.
  function instead(word) {
    const often = (other) => known.get(stem(other)) ?? 0;
    const all = [...stems.keys()].filter(often).sort((a, b) => often(b) - often(a));
    return (
      (word.length > 2 && all.find((other) => other.startsWith(word))) ||
      (word.length > 4 && all.find((other) => near(word, other)))
    );
  }

  // The stems that are looked for, and the words that were taken for others.
  function wanted(query) {
    const all = spoken(query);
    const some = all.filter((word) => !ASKING.has(word));
    const words = some.length ? some : all;
    const found = [], changed = [];
    for (let i = 0; i < words.length; i++) {
      const [name, ...rest] = tokens(words[i]);
      const one = joined(words[i], words[i + 1]);
      const two = halved(words[i]);
      const other = known.has(name) || rest.length ? "" : instead(words[i]);
      if (one.length) i++; // which takes the next word, too
      if (one.length || two.length) {
        found.push(...one, ...two);
        if (two.length && known.has(name)) found.push(name); // as code has it
      } else if (known.has(name) || !(rest.length || other)) found.push(name);
      else if (rest.length) found.push(...rest);
      else (found.push(stem(other)), changed.push([words[i], other]));
    }
    return { words: [...new Set(found)], changed };
  }

  // How well names agree with the query, from 0 to 1: the best of them.
  function agreement(names, query, all) {
    let best = 0;
    for (const name of names) {
      let common = 0, more = 0;
      for (const word of name) {
        if (query.has(word)) common += query.get(word);
        else more += rarity(word);
      }
      best = Math.max(best, (common / (all + more)) ** 3);
    }
    return best;
  }

  // What a section is worth to one who asks for these words, given with their rarity.
  function value(section, query, all) {
    const length = 1 - LENGTH + (LENGTH * section.length) / averageLength;
    let score = 0, met = 0;
    for (const [word, rare] of query) {
      const times = (section.counts.get(word) ?? 0) / length;
      score += (rare * times * (SATURATION + 1)) / (SATURATION + times);
      if (times) met += rare;
    }
    if (!met) return 0;
    score *= met / all; // all words in one place are worth more than some
    const phrase = [...query.keys()];
    if (phrase.length > 1 && hasPhrase(section.order, phrase)) score += PHRASE * all;
    score += TERM * all * agreement(section.terms, query, all);
    score += TITLE * all * agreement(section.titles, query, all);
    score += BOLD * all * agreement(section.bold, query, all);
    return score * section.weight;
  }

  // The sections that answer a query, the best first, and the words taken for others.
  function find(query) {
    const { words: list, changed } = wanted(query);
    const words = new Map(list.map((word) => [word, rarity(word)]));
    const all = [...words.values()].reduce((a, b) => a + b, 0);
    const found = sections
      .map((section) => ({ section, score: value(section, words, all) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score);
    const best = found.filter(({ score }) => score >= WEAKEST * found[0].score);
    const results = best.slice(0, MOST).map(({ section }) => ({
      address: section.page.address + (section.anchor && `#${section.anchor}`),
      page: section.page.title,
      title: section.title,
      excerpt: excerpt(section, words),
    }));
    return { results, changed };
  }

  // The passage that says most of what is asked for, as parts: [text, whether to mark it].
  function excerpt(section, query) {
    let best = { score: -1 };
    for (const paragraph of section.text.split("\n")) {
      const words = [...paragraph.matchAll(/\S+/g)].map((match) => {
        const hits = tokens(match[0]).filter((word) => query.has(word));
        return { at: match.index, end: match.index + match[0].length, hits };
      });
      for (let start = 0; start < words.length; start++) {
        const shown = words.slice(start, start + QUOTED);
        const hits = shown.flatMap((word) => word.hits);
        const begins = !start || /[.?!:]$/.test(paragraph.slice(0, shown[0].at).trim());
        const score =
          [...new Set(hits)].reduce((sum, word) => sum + query.get(word), 0) +
          0.05 * hits.length + (begins ? 0.12 : 0);
        if (score > best.score) best = { score, paragraph, words, start, shown, begins };
      }
    }
    if (best.score < 0) return [];
    const { paragraph, words, start, shown, begins } = best;
    const list = start && !begins ? [["… ", false]] : [];
    let from = shown[0].at;
    for (const { at, end, hits } of shown) {
      if (!hits.length) continue;
      list.push([paragraph.slice(from, at), false], [paragraph.slice(at, end), true]);
      from = end;
    }
    list.push([paragraph.slice(from, shown.at(-1).end), false]);
    if (start + QUOTED < words.length) list.push([" …", false]);
    return list.filter(([text]) => text);
  }

  // -------------------------------------------------------------------------
  // The page

  function element(name, content, look = "") {
    const made = document.createElement(name);
    if (look) made.className = look;
    made.append(...content);
    return made;
  }

  function item({ address, page, title, excerpt: quoted }) {
    const link = element("a", title === page ? [title] : [element("span", [page], "page"), title]);
    link.href = address;
    const marked = quoted.map(([text, hit]) => (hit ? element("mark", [text]) : text));
    const passage = marked.length ? [element("p", marked, "context")] : [];
    return element("li", [link, ...passage]);
  }

  function show() {
    const fields = document.querySelectorAll("input[name=q]");
    const place = document.getElementById("search-results");
    const status = element("p", [], "search-summary");
    const list = element("ul", [], "search");
    status.setAttribute("role", "status");
    place.append(status, list);

    function answer(query) {
      const { results, changed } = find(query);
      list.replaceChildren(...results.map(item));
      const taken = changed.map(([typed, other]) => `“${typed}” was taken for “${other}”. `);
      const many = results.length === 1 ? "One section" : `${results.length} sections`;
      const none = spoken(query).length ? "No section says this. Try other words." : "";
      status.textContent = taken.join("") + (results.length ? `${many}, the best first.` : none);
      // The page that one goes to marks them (sphinx_highlight.js).
      localStorage.setItem("sphinx_highlight_terms", spoken(query).join(" "));
    }

    const query = new URLSearchParams(location.search).get("q") ?? "";
    for (const field of fields) {
      field.value = query;
      field.addEventListener("input", () => answer(field.value));
    }
    answer(query);
  }

  return { load, find };
})();
