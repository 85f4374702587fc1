/* Chapter 2's explorer: an instruction dragged through its context, and position profiles.
 *
 * Density is computed here from S for any threshold b and any p; shares of plain importance, what blanking
 * takes and the profiles' bands come with the page. `compact`: one item, the bar, its answers and curves.
 */
const MODELS = [["base", "Base"], ["tuned", "Tuned"]];
const RESPONSES = [["expected", "the expected answer"], ["own", "the model's own"]];
const MEASURES = {
  loss: ["log-probability lost when the instruction is blanked", "nats a token lost"],
  share: ["share of importance on the instruction", "share of importance"],
  density: ["mean relative density of the instruction", "mean density"],
};
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const NO_SHARE = 65535;
const MAIN_B = 7;
const GRIP = 26; // height of the handle above the lanes of the bar
const LANE = 24;

const fine = (value) => fixed(value, 3);
const amount = (measure, value) => (measure === "loss" ? `loss ${value.toFixed(1).replace("-", "−")} nats a token` : `${measure} ${fixed(value, 2)}`);
const times = (loss) => `${Math.exp(Math.abs(loss)).toFixed(1)} times ${loss < 0 ? "more" : "less"} likely`;
const yes = (followed) => (followed ? "followed ✓" : "not followed ✗");

/* Typed views on the packed arrays: cell(item, place), its roles alone, side(item, place, model, response). */
const opener = async (data) => {
  const [words, roles] = await Promise.all([data.words, data.roles].map(inflateJson));
  const wide = [data.prompt, data.promptLength, data.answer, data.columns, data.share];
  const [prompt, length, answer, columns, share] = await Promise.all(wide.map((text) => inflate(text, Uint16Array)));
  const [followed, levels] = await Promise.all([data.followed, data.levels].map((text) => inflate(text)));
  const logs = data.logs ? await inflate(data.logs, Float32Array) : [];
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
    const at = one * 2 + (response === "own" ? 0 : 1);
    const rows = length[item * P + place];
    const [full, blanked] = [logs[one * 2] ?? NaN, logs[one * 2 + 1] ?? NaN];
    return {
      rows,
      columns: columns[at],
      S: levels.subarray(levelAt[at], levelAt[at] + rows * columns[at]),
      share: share[at] === NO_SHARE ? NaN : share[at] / 50000,
      answer: text(answer.subarray(answerAt[one], answerAt[one] + columns[one * 2])).join(""),
      followed: Boolean(followed[one]),
      full,
      blanked,
      loss: full - blanked,
    };
  };
  return { cell, roles: rolesOf, side, blanks: Boolean(data.logs) };
};

/* A chart of two lines: points [[x, y, low, high, full]], base solid with dots, tuned dashed with squares;
 * `faint` are two more behind them.
 */
const chart = ({ lines, faint = [], labels, yLabel, xLabel, mark, name, shadeFrom, shadeTo, width, height = 210, top: ceiling = 0.05 }) => {
  const [left, top, bottom] = [52, 14, xLabel ? 48 : 26];
  const values = [...lines, ...faint].flat().flatMap(([, value, low, high]) => [value, low, high]).filter(Number.isFinite);
  const [least, high] = [Math.min(0, ...values), largest(values, ceiling)];
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2].find((one) => (high - least) / one <= 5) ?? 5;
  const [first, last] = [Math.floor(least / step), Math.ceil(high / step)];
  const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
  const x = (t) => left + 12 + t * (width - left - 28);
  const y = (value) => top + ((last * step - value) / ((last - first) * step)) * (height - top - bottom);
  const label = (text, props) => svg("text", { fill: ink, "font-size": 12, "font-family": "sans-serif", "text-anchor": "middle", ...props }, text);
  const parts = [svg("rect", { x: x(shadeFrom), y: top, width: x(shadeTo) - x(shadeFrom), height: height - top - bottom, fill: ink, opacity: 0.07 })];
  for (let k = first; k <= last; k += 1) {
    parts.push(svg("line", { x1: left, x2: width - 8, y1: y(step * k), y2: y(step * k), stroke: ink, opacity: k ? 0.15 : 0.8 }));
    parts.push(label((step * k).toFixed(step < 0.1 ? 2 : 1).replace("-", "−"), { x: left - 8, y: y(step * k) + 4, "text-anchor": "end" }));
  }
  if (mark !== undefined) parts.push(svg("line", { x1: x(mark), x2: x(mark), y1: top, y2: height - bottom, stroke: ink, "stroke-width": 1.5, "stroke-dasharray": "2 3" }));
  labels.forEach(([t, text]) => parts.push(label(text, { x: x(t), y: height - bottom + 17, "text-anchor": t > 0.95 ? "end" : "middle" })));
  if (xLabel) parts.push(label(xLabel, { x: (left + width) / 2, y: height - 8 }));
  parts.push(label(yLabel, { transform: `translate(13 ${(height - bottom + top) / 2}) rotate(-90)` }));
  const line = (points, which, props) => svg("polyline", { points: points.map(([t, v]) => `${x(t)},${y(v)}`).join(" "), fill: "none", stroke: rgb(MODEL_INK(which)), "stroke-dasharray": which ? "6 4" : null, ...props });
  faint.forEach((points, which) => parts.push(line(points, which, { class: "ex-mean", "stroke-width": 5, opacity: 0.3 })));
  lines.forEach((points, which) => {
    const known = points.filter(([, value]) => Number.isFinite(value));
    const colour = rgb(MODEL_INK(which));
    if (known.some(([, , low]) => low !== undefined)) {
      const edge = [...known.map(([t, , low]) => `${x(t)},${y(low)}`), ...known.map(([t, , , top_]) => `${x(t)},${y(top_)}`).reverse()];
      parts.push(svg("polygon", { points: edge.join(" "), fill: colour, opacity: 0.18 }));
    }
    parts.push(line(known, which, { "stroke-width": 2 }));
    known.forEach(([t, v, , , full]) => {
      const paint = { fill: full === false ? rgb(paper()) : colour, stroke: colour, "stroke-width": 2 };
      parts.push(which ? svg("rect", { x: x(t) - 4, y: y(v) - 4, width: 8, height: 8, ...paint }) : svg("circle", { cx: x(t), cy: y(v), r: 4.5, ...paint }));
    });
  });
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts);
};

/* The context as one bar, a lane a model, and the instruction as a handle that is dragged through it or
 * moved by the arrow keys; it stands still at the places that were computed.
 *
 * draw({ tokens, roles, tints }, place): tints [base, tuned] 0..1; starts[k], ends[k]: the handle at place k.
 */
const placeBar = (places, move) => {
  const picture = svg("svg", { height: GRIP + 2 * LANE + 4, "aria-hidden": "true" });
  const box = h("div", { class: "ex-bar", role: "slider", tabindex: "0", "aria-label": "Where the instruction stands in its text", "aria-valuemin": 0, "aria-valuemax": places.length - 1 }, picture);
  box.style.cssText = "cursor: grab; touch-action: pan-y; user-select: none;";
  let [held, at, stops, shape, offset] = [null, 0, [], null, 0];
  const LEFT = 46;
  const paint = () => {
    const { tokens, roles, tints, width } = shape;
    const cell = (width - LEFT - 2) / tokens.length;
    const ink = "currentColor";
    const own = [...roles].flatMap((role, n) => (role === "i" ? [n] : []));
    const [from, wide] = [LEFT + own[0] * cell, own.length * cell];
    const handle = held === null ? from : Math.min(width - 2 - wide, Math.max(LEFT, held));
    const lanes = tints.flatMap((values, m) => [
      svg("text", { x: 0, y: GRIP + m * LANE + 16, "font-size": 12, "font-weight": 600, fill: rgb(MODEL_INK(m)) }, MODELS[m][1]),
      svg("rect", { x: LEFT, y: GRIP + m * LANE, width: width - LEFT - 2, height: LANE - 2, fill: rgb(paper()), stroke: ink, "stroke-opacity": 0.25 }),
      ...Array.from(values, (t, n) => (t ? svg("rect", { class: "ex-tint", x: LEFT + n * cell, y: GRIP + m * LANE, width: Math.max(cell, 1.5), height: LANE - 2, fill: rgb(modelParts(m)(t)) }) : null)).filter(Boolean),
    ]);
    const tab = Math.max(wide, 86);
    const left = Math.min(width - 2 - tab, Math.max(LEFT, handle + wide / 2 - tab / 2));
    picture.setAttribute("width", width);
    picture.replaceChildren(...lanes,
      svg("rect", { x: handle, y: GRIP - 2, width: wide, height: 2 * LANE + 2, fill: "none", stroke: ink, "stroke-width": 2, rx: 3 }),
      svg("rect", { x: left, y: 0, width: tab, height: 24, rx: 5, fill: rgb(paper()), stroke: ink, "stroke-width": 1.5 }),
      svg("text", { x: left + tab / 2, y: 16, "text-anchor": "middle", "font-size": 12, fill: ink }, "⇆ instruction"));
  };
  const along = (event) => event.clientX - picture.getBoundingClientRect().left;
  const nearest = (x) => stops.reduce((best, [from, to], k) => (Math.abs(x - (from + to) / 2) < Math.abs(x - (stops[best][0] + stops[best][1]) / 2) ? k : best), 0);
  const go = (k) => { if (k !== at && k >= 0 && k < places.length) move(k); else if (shape) paint(); };
  box.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const [from, to] = stops[at];
    const x = along(event);
    offset = x >= from && x <= to ? x - from : (to - from) / 2;
    held = x - offset;
    box.setPointerCapture(event.pointerId);
    box.style.cursor = "grabbing";
    go(nearest(x));
  });
  box.addEventListener("pointermove", (event) => {
    if (held === null) return;
    held = along(event) - offset;
    go(nearest(held + (stops[at][1] - stops[at][0]) / 2));
  });
  for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => { held = null; box.style.cursor = "grab"; if (shape) paint(); });
  box.addEventListener("keydown", (event) => {
    const next = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, Home: 0, End: places.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    go(next);
  });
  const draw = ({ cells, tints, width }, place) => {
    at = place;
    shape = { ...cells[place], tints, width };
    stops = cells.map(({ tokens, roles }) => {
      const cell = (width - LEFT - 2) / tokens.length;
      return [LEFT + roles.indexOf("i") * cell, LEFT + (roles.lastIndexOf("i") + 1) * cell];
    });
    box.setAttribute("aria-valuenow", place);
    box.setAttribute("aria-valuetext", places[place]);
    paint();
  };
  return { box, draw };
};

const render = async ({ model, el }) => {
  const data = model.get("data");
  const compact = Boolean(data.compact);
  const all = await opener(data);
  const link = fragment("positions");
  const VIEWS = [["placement", "The moved instruction"], ["profiles", "Position profiles"]].slice(0, data.sets.length ? 2 : 1);
  /* Items by their question: what the instruction says, a character made of several tokens once. */
  const question = (item) => {
    const { tokens, roles } = all.cell(item, 0);
    const own = tokens.filter((_, n) => roles[n] === "i");
    return partsOf(own).map(({ text, part }) => (part ? "" : text)).join("").replace(/^[\s⏎]+|[\s⏎]+$/g, "");
  };
  const short = (text) => (text.length > 64 ? `${text.slice(0, 62).trim()}…` : text);
  const QUESTIONS = data.items.map((_, k) => question(k));
  const ITEMS = data.items.map((one, k) => [one.id, `${short(QUESTIONS[k])} · ${one.id}`]);
  const PLACES = data.places.map((place) => [place, place]);
  const SETS = data.sets.map(({ name }) => [name, name]);
  const BINS = ["5", "10", "20"].map((n) => [n, n]);
  const POWERS = ["2", "4", "8"].map((n) => [n, n]);
  const KINDS = Object.entries(MEASURES).filter(([key]) => key !== "loss" || all.blanks).map(([key, [text]]) => [key, text]);
  const state = compact ? { view: "placement", item: data.opening, place: data.places[0], response: "expected", measure: KINDS[0][0], b: data.least, p: 4 } : {
    view: link.known("view", VIEWS),
    item: link.known("item", ITEMS, data.opening),
    place: link.known("place", PLACES),
    response: link.known("response", RESPONSES),
    measure: link.known("measure", KINDS),
    b: link.bounded("b", data.least, 9, data.least), // expected answers are short: more is left to see
    p: link.bounded("p", 1, 8, 4, 0.5),
    set: SETS.length ? link.known("set", SETS) : "",
    bins: link.known("bins", BINS, "10"),
    power: link.known("power", POWERS, "4"),
    threshold: link.bounded("threshold", 0, 9, MAIN_B),
  };
  const [live, say] = status();
  const canvas = h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Chart" });
  const chartKey = h("p", { class: "ex-note" });
  const asked = h("p", {});
  const texts = h("div", { class: "ex-sides" });
  const room = () => Math.min(1100, Math.max(280, canvas.clientWidth - 4));
  const number = () => data.items.findIndex((item) => item.id === state.item);
  const which = (options, value) => options.findIndex(([key]) => key === value);
  const placeNumber = () => which(PLACES, state.place);

  /* --- one instruction moved through its context */
  const explain = (item, place, m, roles) => {
    const one = all.side(item, place, m, state.response);
    const r = relative(density(one.S, one.rows, one.columns, state.p, state.b));
    return { ...one, r, density: one.columns ? mean(Array.from(r).filter((_, n) => roles[n] === "i")) : NaN };
  };
  let found = []; // found[place], its models in .models
  const compute = () => {
    found = data.places.map((_, place) => {
      const { tokens, roles } = all.cell(number(), place);
      return { tokens, roles, models: MODELS.map((_, m) => explain(number(), place, m, roles)) };
    });
  };
  /* The measure of all items, [place][model][item]: once a setting, in short pieces. */
  const known = new Map();
  const run = pieces();
  const key = () => [state.response, state.measure, ...(state.measure === "density" ? [state.b, state.p] : [])].join("/");
  const readAll = () => {
    const [name, places] = [key(), data.places.length];
    if (known.has(name)) return run(0, null, () => {});
    const values = data.places.map(() => MODELS.map(() => new Float64Array(data.items.length)));
    const piece = (at) => {
      const [item, place] = [Math.floor(at / places), at % places];
      const roles = all.roles(item, place);
      MODELS.forEach((_, m) => {
        const one = state.measure === "density" ? explain(item, place, m, roles) : all.side(item, place, m, state.response);
        values[place][m][item] = one[state.measure];
      });
    };
    return run(data.items.length * places, piece, () => {
      known.set(name, values);
      if (state.view === "placement") draw();
    });
  };
  /* Over all items that have the measure (an empty response has none), [place][model]. */
  const means = () => (known.get(key()) ?? []).map((pair) => pair.map((own) => {
    const there = Array.from(own).filter(Number.isFinite);
    return { n: there.length, mean: mean(there) };
  }));
  const bar = placeBar(data.places, (k) => { state.place = data.places[k]; show(); });
  const strip = dotStrip("Items by the change through tuning", ["base more", "tuned more"], (id) => { itemSelect.control.value = id; chooseItem(id); });
  const drawStrip = () => {
    const values = known.get(key())?.[placeNumber()];
    if (!values) return;
    const off = data.items.map((_, k) => values[1][k] - values[0][k]);
    strip.draw(data.items.flatMap((one, k) => (Number.isFinite(off[k]) ? [{ key: one.id, value: off[k], text: short(QUESTIONS[k]) }] : [])), state.item);
  };
  /* The two prompts are built when item or place change; otherwise only their tints are. */
  const built = { item: null, place: null, rows: [] };
  const buildTexts = () => {
    const { tokens, roles } = found[placeNumber()];
    Object.assign(built, { item: state.item, place: state.place, rows: MODELS.map(() => tokenRow(tokens, partsOf(tokens), (n) => ROLES[roles[n]])) });
    texts.replaceChildren(...built.rows.map(({ row }, m) => {
      row.classList.add("ex-running");
      return h("section", { "aria-label": `What the ${MODELS[m][0]} model rests on` }, h("b", {}, MODELS[m][1]), row);
    }));
  };
  const answers = h("div", { class: "ex-sides" });
  const paintSides = () => {
    const { models } = found[placeNumber()];
    answers.replaceChildren(...models.map((one, m) => h("section", { "aria-label": `${MODELS[m][1]} model` },
      h("p", {}, h("b", {}, `${MODELS[m][1]} model`), ` · ${yes(one.followed)}`, compact ? "" : ` · ${amount(state.measure, one[state.measure])}`),
      h("p", { class: "ex-reply" }, "Answers: ", h("q", { dir: "auto" }, visible(one.answer) || "(empty)")))));
    bar.draw({ cells: found, tints: models.map((one) => one.r), width: room() }, placeNumber());
    if (compact) return;
    if (built.item !== state.item || built.place !== state.place) buildTexts();
    models.forEach((one, m) => built.rows[m].paint(one.r, modelParts(m)));
  };
  const placementChart = () => {
    const average = compact ? [] : means();
    const step = 1 / (data.places.length - 1);
    const width = room();
    const narrow = width < 480 ? { "three quarters": "¾", quarter: "¼", half: "½" } : {};
    return chart({
      lines: MODELS.map((_, m) => found.map(({ models }, k) => [k * step, models[m][state.measure], undefined, undefined, models[m].followed])),
      faint: average.length ? MODELS.map((_, m) => average.map((pair, k) => [k * step, pair[m].mean]).filter(([, value]) => Number.isFinite(value))) : [],
      labels: data.places.map((place, k) => [k * step, narrow[place] ?? place]),
      yLabel: MEASURES[state.measure][1], xLabel: compact ? "" : "place of the instruction in the context", width, height: compact ? 150 : 200,
      mark: placeNumber() * step, shadeFrom: step / 2, shadeTo: 1 - step / 2,
      name: `${MEASURES[state.measure][0]} of ${state.item} at five places, base and tuned model, before their means over all items; numbers in the table below.`,
    });
  };
  const placementRows = () => {
    const average = means();
    return [
      ["item", "response", "place", "model", "share", `density (b = ${state.b}, p = ${state.p})`, "followed", "answer", "log-probability", "without the instruction", `mean ${state.measure} over items`, "items"],
      ...found.flatMap(({ models }, k) => models.map((one, m) => [
        state.item, state.response, data.places[k], MODELS[m][0], fine(one.share), fine(one.density), one.followed ? "yes" : "no", one.answer,
        fine(one.full), fine(one.blanked), fine(average[k]?.[m].mean), average[k]?.[m].n ?? "–"])),
    ];
  };
  const counted = () => {
    const n = means().flat().map((one) => one.n);
    if (!n.length) return "";
    return Math.min(...n) === Math.max(...n) ? ` over ${n[0]} items` : ` over ${Math.min(...n)} to ${Math.max(...n)} items`;
  };
  const KEY = "Base: solid with dots · tuned: dashed with squares · hollow: not followed";
  const draw = () => {
    canvas.replaceChildren(placementChart());
    if (compact) { chartKey.textContent = `${MEASURES[state.measure][0]} · ${KEY} · stripes in the bars: words that it rests on most (density)`; return; }
    chartKey.textContent = `${KEY} · broad and faint: mean${counted()}`;
    drawStrip();
    tableBox.fill();
  };

  /* --- position profiles */
  const chosen = () => data.sets.find(({ name }) => name === state.set);
  const cellOf = (b) => chosen().cells[`${state.bins}/${state.power}/${b}`];
  const bands = () => cellOf(state.threshold);
  /* Thresholds b for which this set has profiles of so many bins at this p. */
  const thresholds = () => Array.from({ length: 10 }, (_, b) => b).filter(cellOf);
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
    const width = room();
    const edges = width < 480 ? [] : [[0.2, "20 %"], [0.8, "80 %"]];
    return chart({
      lines: MODELS.map(([name]) => both[name][0].map((value, k) => [(k + 0.5) / count, value, both[name][1][k], both[name][2][k]])),
      labels: [[0, "start"], [0.3, "30 %"], [0.7, "70 %"], [1, "end"], ...edges],
      yLabel: "relative density", xLabel: "place in the prompt", width, height: 280, top: 1, shadeFrom: 0.3, shadeTo: 0.7,
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
    for (const part of placementParts) part.hidden = !placement;
    for (const part of profileParts) part.hidden = placement;
    if (placement) {
      compute();
      paintSides();
      const { models } = found[placeNumber()];
      const told = models.map((one, m) => `${MODELS[m][0]} ${amount(state.measure, one[state.measure])}, ${one.followed ? "followed" : "not followed"}`);
      say(compact
        ? `Instruction at “${state.place}”. ${all.blanks ? `Blank it, and a token of the expected answer is ${models.map((one, m) => `${times(one.loss)} in the ${MODELS[m][0]} model`).join(", ")}.` : ""}`
        : `Instruction at “${state.place}”: ${told.join("; ")}.`);
      draw();
      if (!compact) readAll();
    } else {
      settle(state.threshold);
      const ratio = MODELS.map(([name]) => `${name} ${middleRatio(bands()[name][0]).toFixed(2)}`).join(", ");
      chartKey.textContent = `Base: solid with dots · tuned: dashed with squares · bands: 95 % over prompts · grey: the middle · computed for b = ${thresholds().join(", ")}`;
      say(`${state.set}, n = ${chosen().n}, b = ${state.threshold}; middle ratio: ${ratio}.`);
      canvas.replaceChildren(profileChart());
      tableBox.fill();
    }
    if (!compact) link.put(state);
  };
  const set = (name) => (value) => { state[name] = value; show(); };
  const turnTo = (name, control, value) => { state[name] = value; control.put ? control.put(value) : (control.control.value = value); };
  /* b and p shape the density alone, blanking knows the expected answer alone: the chart turns with them. */
  const measured = (name) => (value) => { turnTo("measure", measureSelect, "density"); state[name] = value; show(); };
  const respond = (value) => {
    state.response = value;
    if (value === "own" && state.measure === "loss") turnTo("measure", measureSelect, "share");
    show();
  };
  const measureBy = (value) => {
    state.measure = value;
    if (value === "loss") turnTo("response", responses, "expected");
    show();
  };
  const chooseItem = (id) => {
    state.item = id;
    asked.replaceChildren(h("b", {}, "Instruction: "), h("q", { dir: "auto" }, QUESTIONS[number()]), " · expected answer: ", h("q", { dir: "auto" }, data.items[number()].expected));
    show();
  };
  if (state.response === "own" && state.measure === "loss") state.measure = "share";
  const lanes = h("p", { class: "ex-legend" }, "lanes: density 0", ...MODELS.flatMap((_, m) => [0.25, 0.5, 0.75, 1].map((t) => swatch(modelParts(m)(t)))), "1 (the prompt's largest)");
  const itemSelect = select("Item", ITEMS, state.item, chooseItem);
  itemSelect.style.maxWidth = "min(100%, 17.5rem)"; // so that all three stand in one row
  const responses = choice("Explained on", RESPONSES, state.response, respond);
  const measureSelect = select("Chart", KINDS, state.measure, measureBy);
  measureSelect.style.maxWidth = "min(100%, 14rem)";
  const sliders = h("details", {}, h("summary", {}, "Settings of the density (they change the chart to density)"), h("div", { class: "ex-row" },
    slider("b, threshold", { min: data.least, max: 9, step: 1, value: state.b }, measured("b")),
    slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, measured("p"))));
  const thresholdStops = slider("Threshold b of the profile", { min: 0, max: 9, step: 1, value: state.threshold ?? MAIN_B }, (wanted) => { settle(wanted); show(); });
  const profileControls = h("div", { class: "ex-row" },
    select("Pair and data set", SETS, state.set, set("set")), thresholdStops,
    choice("Bins", BINS, state.bins, set("bins")),
    choice("Power p", POWERS, state.power, set("power")));
  const more = h("details", {}, h("summary", {}, "The prompt, tinted by density"), texts);
  const placementParts = compact ? [] : [itemSelect, measureSelect, responses, sliders, asked, bar.box, lanes, answers, strip.box, strip.under, more];
  const profileParts = compact ? [] : [profileControls];
  el.append(h("section", { class: "ex ex-positions", "aria-label": compact ? "Drag the instruction through its text" : "Explorer: an instruction along its context" },
    ...(compact ? [asked, bar.box, live, answers, canvas, chartKey] : [
      h("div", { class: "ex-row" }, choice("Show", VIEWS, state.view, set("view")), itemSelect, measureSelect, responses), profileControls,
      asked, bar.box, lanes, live, answers, canvas, chartKey, sliders, strip.box, strip.under, more,
      exporter("positions", { rows, picture: () => canvas.querySelector("svg"), say, link }), tableBox])));
  chooseItem(state.item);
  if (!compact) arrive("positions", el);
  return onLook(el, () => { built.item = null; show(); });
};

export default { render };
