// Trainings of several seeds side by side in a worker, and what a page says to it.
"use strict";

// In the worker. training(seed, setting) makes of one seed { net, update, measure }: one
// update, what it was on, and what is shown of the network after k of them. Messages:
// {begin: setting}, {go: updates a second, or 0}, {step: true}. After each piece of work
// it posts what happened; measured is after every so many updates.
function trainingWorker({ training }, { updates, every }) {
  let [seeds, k, pace, since, before] = [[], 0, 0, 0, 0];
  let last; // what the first seed did

  function report() {
    postMessage({ k, seeds: seeds.map((one) => one.measure(k)), last, theta: seeds[0].net.theta.slice() });
  }

  function update() {
    last = seeds.map((one) => one.update())[0];
    k += 1;
  }

  // As many updates as are due, but no longer than a picture lasts.
  function work() {
    if (!pace) return;
    const begun = performance.now();
    const due = before + ((begun - since) / 1000) * pace;
    while (pace && k < due && performance.now() - begun < 30) {
      update();
      if (k % every === 0) report();
      if (k >= updates) pace = 0;
    }
    if (pace) setTimeout(work, k < due ? 0 : 16);
    else postMessage({ k, paused: true });
  }

  onmessage = ({ data: { begin, go, step } }) => {
    if (begin) {
      seeds = Array.from({ length: begin.seeds }, (_, i) => training(begin.first + i, begin));
      [k, pace, last] = [0, 0, undefined];
      report();
    }
    if (step && k < updates) {
      update();
      report();
    }
    if (go !== undefined) {
      if (pace && !go) report();
      [pace, since, before] = [go, performance.now(), k];
      work();
    }
  };
}

// In the page. `scripts` are the functions that the worker needs, the last of which makes
// the training of `numbers`. Calls tell() when something is to be said, and draw() before
// the next picture is shown. Where motion is unwanted both are for every `calm` updates.
explorable.training = (scripts, numbers, { calm, tell, draw }) => {
  const { updates, every } = numbers;
  const text = ['"use strict"', ...scripts, trainingWorker];
  const json = JSON.stringify(numbers);
  text.push(`const given = ${json}`, `trainingWorker(${scripts.at(-1).name}(given), given)`);
  const code = URL.createObjectURL(new Blob([text.join(";\n")], { type: "text/javascript" }));
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let worker;
  let drawing = false;

  function hear({ data, target }) {
    if (target !== worker) return; // of a run that was given up
    if (data.paused) run.running = false;
    else {
      if (run.now()?.k % every) run.points.pop();
      run.points.push(data);
    }
    if (!data.paused && run.running && still.matches && data.k % calm) return;
    if (!run.running || data.k % calm === 0) tell();
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      draw();
    });
  }

  const run = {
    points: [], // what was measured, one for each `every` updates, and the last
    running: false,
    now: () => run.points.at(-1),
    over: () => run.now()?.k >= updates,
    begin(setting) {
      worker?.terminate();
      worker = new Worker(code);
      worker.onmessage = hear;
      [run.points, run.running] = [[], false];
      worker.postMessage({ begin: setting });
    },
    go(pace) {
      run.running = pace > 0;
      worker.postMessage({ go: pace });
    },
    step: () => worker.postMessage({ step: true }),
  };
  return run;
};

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}
