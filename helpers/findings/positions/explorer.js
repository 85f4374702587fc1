/* Chapter 2's explorer: an instruction at five places of its context, and position profiles.
 *
 * Density is computed here from S for any threshold b and any p; shares of plain importance and the
 * profiles' bands come with the page, for the bins, p and b that were computed.
 */
const MODELS = [["base", "Base"], ["tuned", "Tuned"]];
const RESPONSES = [["own", "the model's own"], ["expected", "the expected answer"]];
const MEASURES = [
  ["share", "share of importance on the instruction"],
  ["density", "mean relative density of the instruction"],
];
const YLABEL = { share: "share of importance", density: "mean density" };
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const NO_SHARE = 65535;

const fine = (value) => fixed(value, 3);
const MAIN_B = 7;

/* Typed views on the packed arrays: cell(item, place), its roles alone, side(item, place, model, response). */
const opener = async (data) => {
  const [words, roles] = await Promise.all([data.words, data.roles].map(inflateJson));
  const wide = [data.prompt, data.promptLength, data.answer, data.columns, data.share];
  const [prompt, length, answer, columns, share] = await Promise.all(wide.map((text) => inflate(text, Uint16Array)));
  const [followed, levels] = await Promise.all([data.followed, data.levels].map((text) => inflate(text)));
  const running = (sizes) => { let sum = 0; return Array.from(sizes, (size) => { sum += size; return sum - size; }); };
  const promptAt = running(length);
  const answerAt = running(columns.filter((_, at) => at % 2 === 0));
  const levelAt = running(Array.from(columns, (m, at) => m * length[Math.floor(at / 4)]));
  const P = data.places.length;
  const text = (numbers) => Array.from(numbers, (n) => words[n]);
  const span = (item, place) => [promptAt[item * P + place], promptAt[item * P + place] + length[item * P + place]];
  const rolesOf = (item, place) => roles.slice(...span(item, place));
  const cell = (item, place) => ({ tokens: text(prompt.subarray(...span(item, place))), roles: rolesOf(item, place) });
  const side = (item, place, model, response) => {
    const one = (item * P + place) * 2 + model;
    const at = one * 2 + response;
    const rows = length[item * P + place];
    const own = columns[one * 2];
    return {
      rows,
      columns: columns[at],
      S: levels.subarray(levelAt[at], levelAt[at] + rows * columns[at]),
      share: share[at] === NO_SHARE ? NaN : share[at] / 50000,
      answer: text(answer.subarray(answerAt[one], answerAt[one] + own)),
      followed: Boolean(followed[one]),
    };
  };
  return { cell, roles: rolesOf, side };
};

/* A chart of two lines: points [[x, y, low, high]], base solid with dots, tuned dashed with squares;
 * `faint` are two more behind them.
 */
const chart = ({ lines, faint = [], labels, yLabel, xLabel, high, mark, name, shadeFrom, shadeTo, width }) => {
  const [height, left, top, bottom] = [250, 52, 14, 48];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((one) => high / one <= 5) ?? 0.25;
  const ticks = Math.ceil(high / step);
  const most = ticks * step;
  const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
  const x = (t) => left + 12 + t * (width - left - 28);
  const y = (value) => top + (1 - value / most) * (height - top - bottom);
  const label = (text, props) => svg("text", { fill: ink, "font-size": 12, "font-family": "sans-serif", "text-anchor": "middle", ...props }, text);
  const parts = [svg("rect", { x: x(shadeFrom), y: top, width: x(shadeTo) - x(shadeFrom), height: height - top - bottom, fill: ink, opacity: 0.07 })];
  for (let k = 0; k <= ticks; k += 1) {
    const value = step * k;
    parts.push(svg("line", { x1: left, x2: width - 8, y1: y(value), y2: y(value), stroke: ink, opacity: k ? 0.15 : 0.8 }));
    parts.push(label(value.toFixed(2), { x: left - 8, y: y(value) + 4, "text-anchor": "end" }));
  }
  if (mark !== undefined) parts.push(svg("line", { x1: x(mark), x2: x(mark), y1: top, y2: height - bottom, stroke: ink, "stroke-width": 1.5, "stroke-dasharray": "2 3" }));
  labels.forEach(([t, text]) => parts.push(label(text, { x: x(t), y: height - bottom + 17 })));
  parts.push(label(xLabel, { x: (left + width) / 2, y: height - 8 }));
  parts.push(label(yLabel, { transform: `translate(13 ${(height - bottom + top) / 2}) rotate(-90)` }));
  const line = (points, which, props) => svg("polyline", { points: points.map(([t, v]) => `${x(t)},${y(v)}`).join(" "), fill: "none", stroke: rgb(MODEL_INK(which)), "stroke-dasharray": which ? "6 4" : null, ...props });
  faint.forEach((points, which) => parts.push(line(points, which, { class: "ex-mean", "stroke-width": 5, opacity: 0.3 })));
  lines.forEach((points, which) => {
    const known = points.filter(([, value]) => Number.isFinite(value));
    const colour = rgb(MODEL_INK(which));
    if (known.some(([, , low]) => low !== undefined)) {
      const edge = [...known.map(([t, , low]) => `${x(t)},${y(low)}`), ...known.map(([t, , , high]) => `${x(t)},${y(high)}`).reverse()];
      parts.push(svg("polygon", { points: edge.join(" "), fill: colour, opacity: 0.18 }));
    }
    parts.push(line(known, which, { "stroke-width": 2 }));
    known.forEach(([t, v, , , full]) => {
      const fill = full === false ? rgb(paper()) : colour;
      const shape = which ? svg("rect", { x: x(t) - 4, y: y(v) - 4, width: 8, height: 8, fill, stroke: colour, "stroke-width": 2 }) : svg("circle", { cx: x(t), cy: y(v), r: 4.5, fill, stroke: colour, "stroke-width": 2 });
      parts.push(shape);
    });
  });
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts);
};

const render = async ({ model, el }) => {
  const data = model.get("data");
  const all = await opener(data);
  const link = fragment("positions");
  const VIEWS = [["placement", "One instruction, five places"], ["profiles", "Position profiles"]];
  /* Items by their question: what the instruction says. */
  const question = (_, item) => {
    const { tokens, roles } = all.cell(item, 0);
    const text = shown(tokens.filter((_, n) => roles[n] === "i").join("").trim());
    return text.length > 64 ? `${text.slice(0, 62).trim()}…` : text;
  };
  const ITEMS = data.items.map((one, k) => [one.id, `${question(one, k)} · ${one.id}`]);
  const PLACES = data.places.map((place) => [place, place]);
  const SETS = data.sets.map(({ name }) => [name, name]);
  const BINS = ["5", "10", "20"].map((n) => [n, n]);
  const POWERS = ["2", "4", "8"].map((n) => [n, n]);
  const state = {
    view: link.known("view", VIEWS),
    item: link.known("item", ITEMS, data.opening),
    place: link.known("place", PLACES),
    response: link.known("response", RESPONSES, "expected"),
    measure: link.known("measure", MEASURES, "share"),
    b: link.bounded("b", data.least, 9, 7),
    p: link.bounded("p", 1, 8, 4, 0.5),
    set: link.known("set", SETS),
    bins: link.known("bins", BINS, "10"),
    power: link.known("power", POWERS, "4"),
    threshold: link.bounded("threshold", 0, 9, MAIN_B),
  };
  const [live, say] = status();
  const canvas = h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Chart" });
  const chartKey = h("p", { class: "ex-note" });
  const legend = h("p", { class: "ex-legend" });
  const sides = h("div", { class: "ex-sides" });
  const room = () => Math.min(640, Math.max(300, canvas.clientWidth - 4));
  const number = () => data.items.findIndex((item) => item.id === state.item);
  const which = (options, value) => options.findIndex(([key]) => key === value);

  /* --- one instruction at five places */
  const responseNumber = () => which(RESPONSES, state.response);
  const explain = (item, place, m, roles) => {
    const one = all.side(item, place, m, responseNumber());
    const r = relative(density(one.S, one.rows, one.columns, state.p, state.b));
    return { ...one, r, density: one.columns ? mean(Array.from(r).filter((_, n) => roles[n] === "i")) : NaN };
  };
  let found = []; // found[place][model]
  const compute = () => {
    found = data.places.map((_, place) => {
      const { tokens, roles } = all.cell(number(), place);
      return { tokens, roles, models: MODELS.map((_, m) => explain(number(), place, m, roles)) };
    });
  };
  /* The mean of the measure over all items, [place][model]: once a setting, in short pieces. */
  const means = new Map();
  const run = pieces();
  const isShare = () => state.measure === "share";
  const meanKey = () => [state.response, state.measure, ...(isShare() ? [] : [state.b, state.p])].join("/");
  const findMean = () => {
    const [key, places] = [meanKey(), data.places.length];
    const held = means.has(key);
    const values = data.places.map(() => MODELS.map(() => []));
    const piece = (at) => {
      const [item, place] = [Math.floor(at / places), at % places];
      const roles = all.roles(item, place);
      MODELS.forEach((_, m) => {
        const value = isShare() ? all.side(item, place, m, responseNumber()).share : explain(item, place, m, roles).density;
        if (Number.isFinite(value)) values[place][m].push(value);
      });
    };
    run(held ? 0 : data.items.length * places, piece, () => {
      if (held) return;
      means.set(key, values.map((pair) => pair.map((own) => ({ n: own.length, mean: mean(own) }))));
      if (state.view === "placement") draw();
    });
  };
  /* The two prompts are built when item or place change; otherwise only their tints are. */
  const built = { item: null, place: null, rows: [], notes: [] };
  const buildSides = () => {
    const { tokens, roles, models } = found[which(PLACES, state.place)];
    Object.assign(built, { item: state.item, place: state.place, rows: [], notes: [] });
    sides.replaceChildren(...models.map((one, m) => {
      const whole = tokenRow(tokens, partsOf(tokens), (n) => ROLES[roles[n]]);
      whole.row.classList.add("ex-running");
      const note = h("span", {});
      built.rows.push(whole);
      built.notes.push(note);
      const box = h("section", { "aria-label": `${MODELS[m][1]} model` },
        h("p", {}, h("b", {}, `${MODELS[m][1]} model`), note),
        whole.row,
        h("p", { class: "ex-answer" }, "Response: ", h("q", { dir: "auto" }, one.answer.join("") || "(empty)"), ` · ${one.followed ? "followed ✓" : "not followed ✗"}`));
      return box;
    }));
  };
  const paintSides = () => {
    if (built.item !== state.item || built.place !== state.place) buildSides();
    found[which(PLACES, state.place)].models.forEach((one, m) => {
      built.notes[m].textContent = ` · share ${fine(one.share)} · density ${fine(one.density)}`;
      built.rows[m].paint(one.r, modelParts(m));
    });
  };
  const placementChart = () => {
    const values = found.map(({ models }) => models.map((one) => one[state.measure]));
    const average = means.get(meanKey()) ?? [];
    const high = largest([...values.flat(), ...average.flat().map((one) => one.mean)].filter(Number.isFinite), 0.05);
    const step = 1 / (data.places.length - 1);
    return chart({
      lines: MODELS.map((_, m) => values.map((pair, k) => [k * step, pair[m], undefined, undefined, found[k].models[m].followed])),
      faint: average.length ? MODELS.map((_, m) => average.map((pair, k) => [k * step, pair[m].mean]).filter(([, value]) => Number.isFinite(value))) : [],
      labels: data.places.map((place, k) => [k * step, place]),
      yLabel: YLABEL[state.measure], xLabel: "place of the instruction in the context", high, width: room(),
      mark: which(PLACES, state.place) * step, shadeFrom: step / 2, shadeTo: 1 - step / 2,
      name: `${MEASURES[which(MEASURES, state.measure)][1]} of ${state.item} at five places, base and tuned model, before their means over all items; numbers in the table below.`,
    });
  };
  const placementRows = () => {
    const average = means.get(meanKey());
    return [
      ["item", "response", "place", "model", "share", "density", "followed", "response text", `mean ${state.measure} over items`, "items"],
      ...found.flatMap(({ models }, k) => models.map((one, m) => [
        state.item, state.response, data.places[k], MODELS[m][0], fine(one.share), fine(one.density), one.followed ? "yes" : "no", one.answer.join(""),
        fine(average?.[k][m].mean), average?.[k][m].n ?? "–"])),
    ];
  };
  /* Over how many items the means are: empty responses have no value. */
  const counted = () => {
    const n = means.get(meanKey())?.flat().map((one) => one.n) ?? [];
    if (!n.length) return "";
    return Math.min(...n) === Math.max(...n) ? ` over ${n[0]} items` : ` over ${Math.min(...n)} to ${Math.max(...n)} items`;
  };
  const draw = () => {
    canvas.replaceChildren(placementChart());
    legend.replaceChildren("density 0", ...MODELS.flatMap((_, m) => [0.25, 0.5, 0.75, 1].map((t) => swatch(modelParts(m)(t)))), "1 (the prompt's largest) · instruction underlined");
    chartKey.textContent = `Base: solid with dots · tuned: dashed with squares · hollow: not followed · broad and faint: mean${counted()}`;
    tableBox.fill();
  };

  /* --- position profiles */
  const chosen = () => data.sets.find(({ name }) => name === state.set);
  /* Thresholds b for which this set has profiles of so many bins at this p. */
  const thresholds = () => Array.from({ length: 10 }, (_, b) => b).filter((b) => cellOf(b));
  const cellOf = (b) => chosen().cells[`${state.bins}/${state.power}/${b}`];
  const bands = () => cellOf(state.threshold);
  /* The slider goes to the next threshold that there is; the set may have others. */
  const settle = (wanted) => {
    const there = thresholds();
    const next = wanted >= state.threshold ? there.find((b) => b >= wanted) : there.findLast((b) => b <= wanted);
    state.threshold = next ?? (there.includes(MAIN_B) ? MAIN_B : there[0]);
    thresholdStops.put(state.threshold);
  };
  const middleRatio = (values) => {
    const [n, e] = [values.length, 1e-9];
    const middle = values.filter((_, k) => k / n >= 0.3 - e && (k + 1) / n <= 0.7 + e);
    const ends = values.filter((_, k) => (k + 1) / n <= 0.2 + e || k / n >= 0.8 - e);
    return mean(middle) / mean(ends);
  };
  const profileChart = () => {
    const both = bands();
    const count = both.base[0].length;
    const high = largest(MODELS.flatMap(([name]) => both[name][2]), 0.05);
    const width = room();
    const edges = width < 480 ? [] : [[0.2, "20 %"], [0.8, "80 %"]];
    return chart({
      lines: MODELS.map(([name]) => both[name][0].map((value, k) => [(k + 0.5) / count, value, both[name][1][k], both[name][2][k]])),
      labels: [[0, "start"], [0.3, "30 %"], [0.7, "70 %"], [1, "end"], ...edges],
      yLabel: "relative density", xLabel: "place in the prompt", high, width, shadeFrom: 0.3, shadeTo: 0.7,
      name: `Position profiles of ${state.set}, base and tuned model, with 95 % bands; numbers in the table below.`,
    });
  };
  const profileRows = () => [
    ["data set", "n", "bins", "p", "b", "model", "bin", "mean", "low", "high"],
    ...MODELS.flatMap(([name]) => bands()[name][0].map((value, k) =>
      [state.set, chosen().n, state.bins, state.power, state.threshold, name, k + 1, value, bands()[name][1][k], bands()[name][2][k]])),
  ];

  /* --- both */
  const rows = () => (state.view === "placement" ? placementRows() : profileRows());
  const tableBox = drawer("The same as a table", rows);
  const show = () => {
    const placement = state.view === "placement";
    for (const part of [placementControls, sides]) part.style.display = placement ? "" : "none";
    for (const part of [profileControls, thresholdStops]) part.style.display = placement ? "none" : "";
    if (placement) {
      compute();
      paintSides();
      const { models } = found[which(PLACES, state.place)];
      say(`Instruction at “${state.place}”: ${models.map((one, m) => `${MODELS[m][0]} ${state.measure} ${fine(one[state.measure])}, ${one.followed ? "followed" : "not followed"}`).join("; ")}.`);
      draw();
      findMean();
    } else {
      settle(state.threshold);
      const ratio = MODELS.map(([name]) => `${name} ${middleRatio(bands()[name][0]).toFixed(2)}`).join(", ");
      legend.replaceChildren();
      chartKey.replaceChildren("Base: solid with dots · tuned: dashed with squares · bands: 95 % over prompts · grey: the middle", ` · computed for b = ${thresholds().join(", ")}`);
      say(`${state.set}, n = ${chosen().n}, b = ${state.threshold}; middle ratio: ${ratio}.`);
      canvas.replaceChildren(profileChart());
      tableBox.fill();
    }
    link.put(state);
  };
  const set = (key) => (value) => { state[key] = value; show(); };
  /* b and p shape the density alone: the chart turns to it when they move. */
  const measured = (key) => (value) => {
    state[key] = value;
    state.measure = measureSelect.control.value = "density";
    show();
  };
  const expected = h("p", { class: "ex-note" });
  const chooseItem = (id) => {
    state.item = id;
    expected.replaceChildren("Expected answer: ", h("q", { dir: "auto" }, data.items[number()].expected));
    show();
  };
  const measureSelect = select("Chart", MEASURES, state.measure, set("measure"));
  const placementControls = h("div", {},
    h("div", { class: "ex-row" }, select("Item", ITEMS, state.item, chooseItem), choice("The instruction stands", PLACES, state.place, set("place"))),
    h("div", { class: "ex-row" },
      choice("Explained on", RESPONSES, state.response, set("response")),
      measureSelect,
      slider("b, threshold", { min: data.least, max: 9, step: 1, value: state.b }, measured("b")),
      slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, measured("p"))),
    expected);
  const profileControls = h("div", { class: "ex-row" },
    select("Pair and data set", SETS, state.set, set("set")),
    choice("Bins", BINS, state.bins, set("bins")),
    choice("Power p", POWERS, state.power, set("power")));
  const thresholdStops = slider("Threshold b of the profile", { min: 0, max: 9, step: 1, value: state.threshold }, (wanted) => { settle(wanted); show(); });
  el.append(
    h("section", { class: "ex ex-positions", "aria-label": "Explorer: an instruction along its context" },
      choice("Show", VIEWS, state.view, set("view")),
      placementControls, profileControls, live, canvas, thresholdStops, chartKey, legend, sides,
      exporter("positions", { rows, picture: () => canvas.querySelector("svg"), say, link }),
      tableBox),
  );
  chooseItem(state.item);
  arrive("positions", el);
  return onTheme(() => { built.item = null; show(); });
};

export default { render };
