// Settings of an explorable that can be chosen, and that live in the address of the page:
// a link opens it with them, and Back finds them again.
"use strict";

// Each of `fields` has its name and what is allowed: {value: text} for a choice, or
// [least, most, whole] for a number, which must be above `least` unless it is whole.
// `usual` are the values that the address leaves out. Returns the present values, a label
// with its input for each field, a link to the settings, and change(key, text, input),
// which calls changed(key), or refused(sentence) for what is not allowed.
explorable.settings = (name, fields, usual, changed, refused) => {
  function understood(key, text) {
    const allowed = fields[key][1];
    if (!Array.isArray(allowed)) return Object.hasOwn(allowed, text) ? text : undefined;
    const [least, most, whole] = allowed;
    const value = text.trim() === "" ? NaN : Number(text);
    const fits = whole ? Number.isInteger(value) && value >= least : value > least;
    return fits && value <= most ? value : undefined;
  }

  const asked = new URLSearchParams(location.search);
  const keys = Object.keys(fields);
  const values = Object.fromEntries(
    keys.map((key) => [key, understood(key, asked.get(key) ?? "") ?? usual[key]]),
  );
  const link = explorable.make("a", {}, "Link to these settings");

  function remember() {
    for (const key of keys) {
      if (values[key] === usual[key]) asked.delete(key);
      else asked.set(key, values[key]);
    }
    link.href = `?${asked}#${name}`;
    try {
      const address = asked.size ? link.href : location.pathname + location.hash;
      if (asked.size || location.search) history.replaceState(history.state, "", address);
    } catch {
      // A book that is opened as a file may have to keep its address; the link has them.
    }
  }
  remember();

  function change(key, text, input) {
    const value = understood(key, text);
    input?.setAttribute("aria-invalid", String(value === undefined));
    if (value === undefined) {
      const [title, [least, most, whole]] = fields[key];
      const range = whole ? `a whole number from ${least} to ${most}` : `above ${least} and at most ${most}`;
      refused(`${title} must be ${range}; it is still ${values[key]}.`);
    } else {
      values[key] = value;
      remember();
      changed(key);
    }
  }

  const labels = Object.fromEntries(
    keys.map((key) => {
      const [title, allowed] = fields[key];
      const edit = () => change(key, input.value, input);
      const [label, input] = Array.isArray(allowed)
        ? explorable.field(title, { inputmode: "decimal" }, edit)
        : explorable.choice(title, allowed, edit);
      input.value = String(values[key]);
      return [key, label];
    }),
  );
  return { values, labels, link, change };
};
