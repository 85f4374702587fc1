/* Chapter 4's explorer: the words of every component of every layer, in both models.
 *
 * A base component stands beside its partner in the tuned model: one to one, by absolute cosine.
 * The map has one cell a component; what is filtered out is left blank, not merely dimmed.
 */
const MODELS = [["base", "Base"], ["tuned", "Tuned"]];
const POLES = ["positive", "negative"];
const BEYOND = [
  "no more coherent than random words",
  "coherent beyond random words, but not beyond random directions",
  "coherent beyond random words and beyond random directions",
];
const ROW = 14;
const TOP = 6;
const FEW = 200; // cells that are widened where they are narrow
const FAR = 30; // degrees from which a partner is said to be another component

/* Typed views on the packed arrays, and one function for each thing that is looked up in them. */
const opener = async (data) => {
  const [, layers, components, poles, topK] = data.shape;
  const each = poles * topK;
  const [partner, base, shift, ownWords, concept] = await Promise.all([
    inflate(data.partner, Uint16Array),
    inflate(data.words, Uint16Array),
    inflate(data.shift, Int8Array),
    inflate(data.ownWords, Uint16Array),
    inflate(data.concept, Uint16Array),
  ]);
  const [steps, level, taskBits, beyond] = await Promise.all([data.steps, data.level, data.taskBits, data.beyond].map((text) => inflate(text)));
  const [scale, variance, angle] = await Promise.all([data.scale, data.variance, data.angle].map(inflateLevels));
  const coherence = Float32Array.from(await inflate(data.coherence, Int16Array), (x) => x / 100);
  const [vocabulary, concepts] = await Promise.all([data.vocabulary, data.concepts].map(inflateText));
  /* A tuned component's words: places in its base partner's lists, or words of its own. */
  const words = new Uint16Array(2 * base.length);
  words.set(base);
  for (let at = 0, own = 0; at < base.length; at += 1) {
    const row = Math.floor(at / each);
    const target = base.length + (row - (row % components) + partner[row]) * each + (at % each);
    if (shift[at] === -128) { words[target] = ownWords[own]; own += 1; } else words[target] = base[at + shift[at]];
  }
  /* Scores fall within a list by whole 127ths of its highest. */
  const scores = new Uint8Array(steps.length);
  for (let at = 0; at < steps.length; at += 1) scores[at] = (at % topK ? scores[at - 1] : 127) - steps[at];
  const inverse = new Uint16Array(partner.length);
  partner.forEach((other, at) => { inverse[at - (at % components) + other] = at % components; });
  const cell = (m, l, c) => (m * layers + l) * components + c;
  const list = (m, l, c, p) => {
    const at = cell(m, l, c) * poles + p;
    return {
      words: Array.from({ length: topK }, (_, k) => ({
        text: vocabulary[words[at * topK + k]],
        score: (scores[at * topK + k] / 127) * scale[at] * (p ? -1 : 1),
      })),
      concept: concepts[concept[at]],
      level: data.levels[level[at]],
      tasks: data.tasks.filter((_, i) => (taskBits[at] >> i) & 1),
      coherence: coherence[at],
      beyond: beyond[at],
    };
  };
  const has = (m, l, c, wanted) => {
    for (let at = cell(m, l, c) * poles * topK, end = at + poles * topK; at < end; at += 1) {
      if (words[at] === wanted) return true;
    }
    return false;
  };
  return {
    layers, components, poles, vocabulary, list, has,
    number: new Map(vocabulary.map((word, at) => [word, at])),
    variance: (m, l, c) => variance[cell(m, l, c)],
    /* Angle and partner as seen from either model. */
    partner: (m, l, c) => (m ? inverse : partner)[l * components + c],
    angle: (m, l, c) => angle[l * components + (m ? inverse[l * components + c] : c)],
    coherence: (m, l, c) => Math.max(...Array.from({ length: poles }, (_, p) => coherence[cell(m, l, c) * poles + p])),
    levels: (m, l, c) => Array.from({ length: poles }, (_, p) => level[cell(m, l, c) * poles + p]),
    tasks: (m, l, c) => Array.from({ length: poles }, (_, p) => taskBits[cell(m, l, c) * poles + p]).reduce((a, b) => a | b, 0),
  };
};

const render = async ({ model, el }) => {
  const data = model.get("data");
  const all = await opener(data);
  const link = fragment("components");
  const whole = (key, high, fallback) => {
    const value = link.bounded(key, 0, high - 1, fallback);
    return Number.isInteger(value) ? value : fallback;
  };
  const COLOUR = [
    ["coherence", "coherence of the words"],
    ["level", "linguistic level"],
    ["tasks", "number of tasks"],
    ["variance", "explained variance"],
    ["angle", "angle to the partner in the other model"],
  ];
  const LEVELS = [["any", "any"], ...data.levels.map((name) => [name, name])];
  const TASKS = [["any", "any"], ...data.tasks.map((name) => [name, name])];
  const state = {
    model: link.known("model", MODELS),
    layer: whole("layer", all.layers, data.opening[0]),
    component: whole("component", all.components, data.opening[1]),
    colour: link.known("colour", COLOUR),
    level: link.known("level", LEVELS),
    task: link.known("task", TASKS),
    word: link.get("word", ""),
  };
  const m = () => (state.model === "base" ? 0 : 1);
  const live = h("p", { class: "ex-say", role: "status", "aria-live": "polite" });
  const say = (text) => { live.textContent = text; };

  /* --- filter: which cells of the map are shown */
  let shown = [];
  const flat = (l, c) => l * all.components + c;
  const isFiltered = () => state.level !== "any" || state.task !== "any" || state.word !== "";
  const passes = (l, c) => {
    if (state.level !== "any" && !all.levels(m(), l, c).includes(data.levels.indexOf(state.level))) return false;
    if (state.task !== "any" && !((all.tasks(m(), l, c) >> data.tasks.indexOf(state.task)) & 1)) return false;
    return !state.word || (all.number.has(state.word) && all.has(m(), l, c, all.number.get(state.word)));
  };
  const filter = () => {
    shown = [];
    for (let l = 0; l < all.layers; l += 1) for (let c = 0; c < all.components; c += 1) if (passes(l, c)) shown.push([l, c]);
  };

  /* --- map: as wide as there is room, so that all components are in sight */
  const size = { left: 62, cell: 2 };
  const mark = svg("rect", { fill: "none", "stroke-width": 2 });
  const paths = svg("g", {});
  const names = svg("g", { "font-size": 10, "font-family": "sans-serif", fill: "currentColor" });
  const frame = svg("rect", { y: TOP - 1, height: all.layers * ROW + 1, fill: "none", stroke: "currentColor", "stroke-opacity": 0.3 });
  const map = svg("svg", { height: TOP + all.layers * ROW + 34, role: "img" }, frame, paths, names, mark);
  const label = (text, x, y, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, text);
  const nameAxes = () => {
    const bottom = TOP + all.layers * ROW;
    const every = [10, 20, 50, 100, 200].find((step) => step * size.cell >= 34) ?? 500;
    const ticks = Array.from({ length: Math.ceil(all.components / every) }, (_, k) => k * every);
    const at = (c) => size.left + (c + 0.5) * size.cell;
    names.replaceChildren(
      ...Array.from({ length: all.layers }, (_, l) => label(size.left < 50 ? String(l) : `layer ${l}`, size.left - 6, TOP + (l + 0.78) * ROW, "end")),
      ...ticks.flatMap((c) => [
        svg("line", { x1: at(c), x2: at(c), y1: bottom, y2: bottom + 4, stroke: "currentColor" }),
        label(String(c), at(c), bottom + 15)]),
      label(`${size.left < 50 ? "layer by " : ""}component, by explained variance`, size.left, bottom + 29, "start"),
    );
  };
  const fit = (width) => {
    const left = width < 480 ? 24 : 62;
    Object.assign(size, { left, cell: Math.min(14, (width - left - 8) / all.components) });
    map.setAttribute("width", left + Math.max(200, all.components * size.cell + 8));
    map.setAttribute("shape-rendering", size.cell < 1.5 ? "auto" : "crispEdges");
    frame.setAttribute("x", left - 1);
    frame.setAttribute("width", all.components * size.cell + 2);
    nameAxes();
    colourMap();
    place();
  };
  const place = () => {
    const box = { x: size.left + state.component * size.cell - 2, y: TOP + state.layer * ROW - 1.5, width: size.cell + 4, height: ROW + 2 };
    for (const [key, value] of Object.entries({ ...box, stroke: isDark() ? "#fff" : "#000" })) mark.setAttribute(key, value);
  };
  /* The component under the pointer, or the nearest in its layer that passes the filter and is close. */
  const pointed = (event) => {
    const box = map.getBoundingClientRect();
    const c = Math.floor((event.clientX - box.left - size.left) / size.cell);
    const l = Math.floor((event.clientY - box.top - TOP) / ROW);
    if (c < 0 || c >= all.components || l < 0 || l >= all.layers) return null;
    const off = ([, other]) => Math.abs(other - c);
    const near = shown.filter((one) => one[0] === l && off(one) * size.cell <= 5).sort((a, b) => off(a) - off(b));
    return near[0] ?? [l, c];
  };
  const under = h("p", { class: "ex-note ex-say" });
  const hint = "Click the map, or move in it with the arrow keys.";
  under.textContent = hint;
  map.addEventListener("click", (event) => { const found = pointed(event); if (found) go(...found); });
  map.addEventListener("pointermove", (event) => {
    const found = pointed(event);
    under.textContent = found ? `Under the pointer: layer ${found[0]}, component ${found[1]}.` : hint;
  });
  map.addEventListener("pointerleave", () => { under.textContent = hint; });
  const walk = (event) => {
    const [dl, dc] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
    if (!dl && !dc) return;
    event.preventDefault();
    const clip = (value, count) => Math.min(count - 1, Math.max(0, value));
    go(clip(state.layer + dl, all.layers), clip(state.component + dc, all.components));
  };
  const BINS = 9;
  const bits = (value) => [0, 1, 2, 3].reduce((sum, i) => sum + ((value >> i) & 1), 0);
  /* 0..1 for a cell, and what the two ends mean. */
  const scales = {
    coherence: [(l, c) => all.coherence(m(), l, c) / (2 * data.limit), "0", `${(2 * data.limit).toFixed(1)} sd or more above random words (beyond random directions from ${data.limit.toFixed(1)})`],
    level: [(l, c) => Math.max(...all.levels(m(), l, c)) / 4, "none", "semantics (phonology, morphology, syntax between)"],
    tasks: [(l, c) => bits(all.tasks(m(), l, c)) / 4, "0", "4"],
    variance: [(l, c) => 1 + Math.log10(Math.max(all.variance(m(), l, c), 1e-4)) / 4, "0.01 %", "100 % (logarithmic)"],
    angle: [(l, c) => all.angle(m(), l, c) / 90, "0°", "90°"],
  };
  const legend = h("p", { class: "ex-legend" });
  /* One path a shade instead of thousands of rectangles: redrawn in a few milliseconds. */
  const colourMap = () => {
    const [value, low, high] = scales[state.colour];
    const parts = Array.from({ length: BINS }, () => []);
    /* A few narrow cells alone would hardly be seen: they are widened and outlined. */
    const few = shown.length <= FEW && size.cell < 5;
    const width = few ? 5 : size.cell;
    for (const [l, c] of shown) {
      const bin = Math.min(BINS - 1, Math.floor(Math.min(1, Math.max(0, value(l, c))) * BINS));
      const x = size.left + (c + 0.5) * size.cell - width / 2;
      parts[bin].push(`M${x.toFixed(2)} ${TOP + l * ROW}h${width.toFixed(2)}v${ROW - 1}h-${width.toFixed(2)}z`);
    }
    const tint = (bin) => shade(0.08 + (0.92 * bin) / (BINS - 1));
    paths.replaceChildren(...parts.map((d, bin) => svg("path", { d: d.join(""), fill: tint(bin), stroke: few ? "currentColor" : null })));
    const swatch = (bin) => { const box = h("i", {}); box.style.background = tint(bin); return box; };
    legend.replaceChildren(low, ...[0, 2, 4, 6, 8].map(swatch), `${high}; blank: filtered out`);
    map.setAttribute("aria-label", `Map of ${shown.length} components by layer and rank, shaded by ${state.colour}. Arrow keys or the sliders open one.`);
  };

  /* --- the two models side by side */
  const cards = h("div", { class: "ex-row" });
  const card = (which, l, c) => {
    const title = MODELS[which][1];
    const head = h("tr", {}, h("th", { scope: "col" }, "Word"), h("th", { scope: "col" }, "Score"));
    const lists = Array.from({ length: all.poles }, (_, p) => {
      const found = all.list(which, l, c, p);
      const about = [
        `level: ${found.level}`,
        found.concept && `concept: ${found.concept}`,
        found.tasks.length && `tasks: ${found.tasks.join(", ")}`,
        `coherence: ${found.coherence.toFixed(1)} sd`,
      ].filter(Boolean);
      const rows = found.words.map(({ text, score }) =>
        h("tr", {}, h("td", { class: text === state.word ? "ex-hit" : null }, text === state.word ? `▸ ${text}` : text), h("td", {}, score.toFixed(3))));
      return h("div", { class: "ex-list" }, h("p", { class: "ex-note" }, h("b", {}, `${POLES[p]} pole`), ` · ${about.join(" · ")}`),
        h("p", { class: "ex-note ex-beyond", "data-beyond": found.beyond }, `${["✗", "○", "✓"][found.beyond]} ${BEYOND[found.beyond]}`),
        h("table", { "aria-label": `${title}, ${POLES[p]} pole` }, h("thead", {}, head.cloneNode(true)), h("tbody", {}, rows)));
    });
    const share = `${(100 * all.variance(which, l, c)).toPrecision(2)} % of variance`;
    const box = h("section", { "aria-label": `${title} component` }, h("p", {}, h("b", {}, `${title}: layer ${l}, component ${c}`)), h("p", { class: "ex-note" }, share), h("div", { class: "ex-row" }, lists));
    box.style.flex = "1 1 19rem";
    return box;
  };
  const relation = h("p", {});
  const show = () => {
    const { layer: l, component: c } = state;
    const other = all.partner(m(), l, c);
    const [base, tuned] = m() ? [other, c] : [c, other];
    cards.replaceChildren(card(0, l, base), card(1, l, tuned));
    const [move, angle] = [tuned - base, all.angle(m(), l, c)];
    const which = MODELS[1 - m()][1].toLowerCase();
    relation.textContent = `Its partner in the ${which} model (one to one, by absolute cosine): component ${other}, ${angle.toFixed(angle < 10 ? 1 : 0)}° away; ${move ? `rank ${move < 0 ? "rose" : "fell"} by ${Math.abs(move)}` : "same rank"} after tuning.${angle >= FAR ? " At such an angle it is the nearest that was left to pair with rather than the same component." : ""}`;
    place();
    tell();
    link.put({ model: state.model, layer: l, component: c, colour: state.colour, level: state.level, task: state.task, word: state.word });
  };
  const go = (l, c) => {
    Object.assign(state, { layer: l, component: c });
    layerSlider.put(l);
    componentSlider.put(c);
    show();
  };
  /* How many components pass the filter, and which of them is open. */
  const tell = () => {
    if (state.word && !all.number.has(state.word)) {
      return say(`“${state.word}” is not among the ${all.vocabulary.length.toLocaleString("en-US")} words that components are read by, so no list can hold it.`);
    }
    const count = `${shown.length} of ${all.layers * all.components} components of the ${state.model} model shown.`;
    if (!isFiltered() || !shown.length) return say(count);
    const here = shown.findIndex(([l, c]) => l === state.layer && c === state.component);
    const at = `layer ${state.layer}, component ${state.component}`;
    return say(`${count} ${here < 0 ? `Open: ${at}, which is none of them.` : `Match ${here + 1} of ${shown.length}: ${at}.`}`);
  };
  const refilter = () => {
    filter();
    colourMap();
    show();
  };
  const set = (key, after) => (value) => { state[key] = value; after(); };
  const step = (by) => () => {
    if (!shown.length) return say("No component passes the filter.");
    const here = flat(state.layer, state.component);
    const next = by > 0 ? shown.find((one) => flat(...one) > here) : shown.findLast((one) => flat(...one) < here);
    return go(...(next ?? shown.at(by > 0 ? 0 : -1)));
  };

  const layerSlider = slider("Layer", { min: 0, max: all.layers - 1, step: 1, value: state.layer }, set("layer", show));
  const componentSlider = slider("Component", { min: 0, max: all.components - 1, step: 1, value: state.component }, set("component", show));
  const wordBox = h("input", { type: "search", autocomplete: "off", oninput: () => { state.word = wordBox.value.trim().toLowerCase(); refilter(); } });
  wordBox.value = state.word;
  const rows = () => [
    ["model", "layer", "component", "pole", "variance", "level", "tasks", "concept", "coherence", "angle", "partner", "words", "scores"],
    ...[0, 1].flatMap((which) => {
      const c = which === m() ? state.component : all.partner(m(), state.layer, state.component);
      return POLES.slice(0, all.poles).map((pole, p) => {
        const one = all.list(which, state.layer, c, p);
        return [MODELS[which][0], state.layer, c, pole, all.variance(which, state.layer, c), one.level, one.tasks.join(" "), one.concept,
          one.coherence.toFixed(3), all.angle(which, state.layer, c).toFixed(2), all.partner(which, state.layer, c),
          one.words.map((w) => w.text).join(" "), one.words.map((w) => w.score.toFixed(3)).join(" ")];
      });
    }),
  ];
  const mapBox = h("div", { tabindex: "0", role: "group", "aria-label": "Map of components: the arrow keys move in it", onkeydown: walk }, map);
  el.append(
    h("section", { class: "ex ex-components", "aria-label": "Explorer: words of all feed-forward components" },
      h("p", {}, "Move the sliders or click the map. Both poles of a component are shown for both models, with its partner in the other one."),
      h("div", { class: "ex-row" },
        choice("Slider and map follow", MODELS, state.model, set("model", refilter)),
        layerSlider, componentSlider,
        h("div", { class: "ex-buttons" },
          h("button", { type: "button", onclick: step(-1) }, "Previous match"),
          h("button", { type: "button", onclick: step(1) }, "Next match"))),
      h("div", { class: "ex-row" },
        select("Level", LEVELS, state.level, set("level", refilter)),
        select("Task", TASKS, state.task, set("task", refilter)),
        labelled("Holds the word", wordBox),
        select("Shade the map by", COLOUR, state.colour, set("colour", () => { colourMap(); show(); }))),
      live,
      legend,
      mapBox,
      under,
      relation,
      cards,
      exporter("components", { rows, picture: () => map, say, link }),
    ),
  );
  refilter();
  const watcher = new ResizeObserver(([entry]) => fit(Math.max(260, Math.floor(entry.contentRect.width))));
  watcher.observe(mapBox);
  arrive("components", el);
  const stop = onTheme(() => { colourMap(); place(); });
  return () => { watcher.disconnect(); stop(); };
};

export default { render };
