// The gradient horizon of chapter 4: how much of an error is left, as Python measured it,
// and what the bound allows.
"use strict";

explorable.start("gradient-horizon", (figure, numbers) => {
  const { button, row, power, slider } = explorable;
  const svg = figure.querySelector("svg");
  const part = (id) => svg.querySelector(`#horizon-${id}`);
  const plot = svg.querySelector("svg");
  const [width, height] = ["width", "height"].map((key) => Number(plot.getAttribute(key)));
  const [foot, top] = numbers.decades;
  const HORIZON = 0.01;
  const lags = numbers.measured.tanh[0].median.length;
  const look = explorable.recall("gradient-horizon", numbers.look);
  let { activation } = look;

  const x = (lag) => (width * lag) / (lags - 1);
  const y = (value) => (height * (top - Math.log10(value))) / (top - foot);
  const seen = (value) => Math.min(Math.max(y(value), 0), height); // markers stay in sight
  const points = (values) => values.map((value, lag) => `${x(lag)} ${y(value)}`);

  function show() {
    const radius = numbers.radii[radii.input.value];
    const lag = Number(lagged.input.value);
    const { median, low, high } = numbers.measured[activation][radii.input.value];
    const slope = numbers.slopes[activation];
    const bound = median.map((_, k) => (slope * radius) ** k);
    const far = median.findIndex((value) => value < HORIZON);

    part("median").setAttribute("d", `M${points(median).join("L")}`);
    part("bound").setAttribute("d", `M${points(bound).join("L")}`);
    const band = [...points(low), ...points(high).reverse()];
    part("band").setAttribute("d", `M${band.join("L")}z`);
    part("lag").setAttribute("transform", `translate(${x(lag)} 0)`);
    part("measured").setAttribute("cy", seen(median[lag]));
    part("allowed").setAttribute("cy", seen(bound[lag]));
    const start = far < 0 ? width : x(far);
    part("beyond").setAttribute("x", start);
    part("beyond").setAttribute("width", width - start);

    for (const [name, choice] of choices) {
      choice.setAttribute("aria-pressed", String(name === activation));
    }
    explorable.keep("gradient-horizon", { activation, radius, lag });
    radii.write(radius.toFixed(1));
    lagged.write(String(lag));
    say(
      `${activation}, spectral radius ${radius.toFixed(1)}: at lag ${lag}, ${power(median[lag])} ` +
        `[${power(low[lag])}, ${power(high[lag])}] of the error is left; the bound is ` +
        `${power(bound[lag])}. ` +
        (far < 0
          ? `At least 1% arrives at every lag up to ${lags - 1}.`
          : `Less than 1% arrives from lag ${far} on.`),
    );
    svg.setAttribute(
      "aria-label",
      `Length of an error by lag: measured 1 at lag 0 and ${power(median.at(-1))} at lag ` +
        `${lags - 1}, bound ${power(bound.at(-1))}.`,
    );
  }

  const first = numbers.radii.indexOf(look.radius);
  const radii = slider("Spectral radius", numbers.radii.length - 1, first, show);
  const lagged = slider("Lag", lags - 1, look.lag, show);
  const choices = Object.keys(numbers.slopes).map((name) => [
    name,
    button(name, () => {
      activation = name;
      show();
    }),
  ]);
  const say = explorable.control(
    figure,
    row("Activation", ...choices.map(([, choice]) => choice)),
    row("Where to look", radii.label, lagged.label),
  );
  // The line of the lag is dragged in the picture, or jumps to where one presses.
  explorable.drag(svg, svg, (at) => {
    lagged.input.value = ((at - Number(plot.getAttribute("x"))) / width) * (lags - 1);
    show();
  });
  show();
});
