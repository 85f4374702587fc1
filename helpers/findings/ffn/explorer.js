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
const CELL = 6; // pixels, at least: a layer takes as many lines as that needs
const TOP = 6;
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
  const COLOUR = [
    ["coherence", "coherence of the words"],
    ["level", "linguistic level, by the rules"],
    ["tasks", "number of tasks, by the rules"],
    ["variance", "explained variance"],
    ["angle", "angle to the partner in the other model"],
  ];
  const LEVELS = [["any", "any"], ...data.levels.map((name) => [name, name])];
  const TASKS = [["any", "any"], ...data.tasks.map((name) => [name, name])];
  const state = {
    model: link.known("model", MODELS),
    layer: link.bounded("layer", 0, all.layers - 1, data.opening[0]),
    component: link.bounded("component", 0, all.components - 1, data.opening[1]),
    colour: link.known("colour", COLOUR),
    level: link.known("level", LEVELS),
    task: link.known("task", TASKS),
    word: link.words("word"),
  };
  const m = () => (state.model === "base" ? 0 : 1);
  const [live, say] = status();

  /* --- filter: which cells of the map are shown */
  let matches = [];
  let cells = new Set();
  const flat = (l, c) => l * all.components + c;
  const isFiltered = () => state.level !== "any" || state.task !== "any" || state.word !== "";
  const passes = (l, c) => {
    if (state.level !== "any" && !all.levels(m(), l, c).includes(data.levels.indexOf(state.level))) return false;
    if (state.task !== "any" && !((all.tasks(m(), l, c) >> data.tasks.indexOf(state.task)) & 1)) return false;
    return !state.word || (all.number.has(state.word) && all.has(m(), l, c, all.number.get(state.word)));
  };
  const filter = () => {
    matches = [];
    for (let l = 0; l < all.layers; l += 1) for (let c = 0; c < all.components; c += 1) if (passes(l, c)) matches.push([l, c]);
    cells = new Set(matches.map((one) => flat(...one)));
  };

  /* --- map: as wide as there is room; a layer whose cells would be too narrow takes several lines */
  const size = { left: 62, cell: CELL, perLine: all.components, row: 14, layer: 14 };
  const mark = svg("rect", { class: "ex-mark", fill: "none", "stroke-width": 2 });
  const paths = svg("g", {});
  const names = svg("g", { "font-size": 10, "font-family": "sans-serif", fill: "currentColor" });
  const frames = svg("path", { fill: "none", stroke: "currentColor", "stroke-opacity": 0.3 });
  const map = svg("svg", { role: "img", "shape-rendering": "crispEdges" }, frames, paths, names, mark);
  const label = (text, x, y, anchor = "middle") => svg("text", { x, y, "text-anchor": anchor }, text);
  const at = (l, c) => [size.left + (c % size.perLine) * size.cell, TOP + l * size.layer + Math.floor(c / size.perLine) * size.row];
  const fit = (width) => {
    const left = width < 480 ? 24 : 62;
    const lines = Math.ceil((all.components * CELL) / (width - left - 8));
    const perLine = Math.ceil(all.components / lines);
    const cell = Math.min(14, Math.floor((width - left - 8) / perLine));
    const row = lines > 1 ? 8 : 14;
    Object.assign(size, { left, perLine, cell, row, layer: lines * row + (lines > 1 ? 5 : 0) });
    map.setAttribute("width", left + perLine * cell + 8);
    map.setAttribute("height", TOP + all.layers * size.layer + 18);
    const shape = (l) => `M${left - 0.5} ${TOP + l * size.layer - 0.5}h${perLine * cell}v${lines * row}h${-perLine * cell}z`;
    frames.setAttribute("d", Array.from({ length: all.layers }, (_, l) => shape(l)).join(""));
    names.replaceChildren(
      ...Array.from({ length: all.layers }, (_, l) => label(left < 50 ? String(l) : `layer ${l}`, left - 6, TOP + l * size.layer + 10, "end")),
      label(`${left < 50 ? "layer by " : ""}component, by explained variance: 0 to ${all.components - 1}${lines > 1 ? `, ${perLine} a line` : ""}`, left, TOP + all.layers * size.layer + 12, "start"));
    colourMap();
    place();
  };
  const place = () => {
    const [x, y] = at(state.layer, state.component);
    const box = { x: x - 2, y: y - 2, width: size.cell + 3, height: size.row + 3 };
    for (const [key, value] of Object.entries({ ...box, stroke: isDark() ? "#fff" : "#000" })) mark.setAttribute(key, value);
  };
  /* The component under the pointer, or a neighbour of it that passes the filter where it does not. */
  const pointed = (event) => {
    const box = map.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - size.left) / size.cell);
    const l = Math.floor((event.clientY - box.top - TOP) / size.layer);
    const line = Math.floor((event.clientY - box.top - TOP - l * size.layer) / size.row);
    const c = line * size.perLine + column;
    if (column < 0 || column >= size.perLine || c >= all.components || l < 0 || l >= all.layers) return null;
    return [c, c - 1, c + 1].filter((one) => cells.has(flat(l, one))).map((one) => [l, one])[0] ?? [l, c];
  };
  const under = h("p", { class: "ex-note ex-under" });
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
  /* Scales that fit the data: up to the angle that one in twenty exceeds, between the variances. */
  const every = (value) => [0, 1].flatMap((m) => Array.from({ length: all.layers * all.components }, (_, at) => value(m, Math.floor(at / all.components), at % all.components))).sort((a, b) => a - b);
  const [angles, variances] = [every(all.angle), every(all.variance)];
  const widest = Math.max(5, 5 * Math.ceil(angles[Math.floor(0.95 * (angles.length - 1))] / 5));
  const [least, most] = [variances[0], variances.at(-1)].map((value) => Math.log10(Math.max(value, 1e-6)));
  const percent = (power) => `${Number((100 * 10 ** power).toPrecision(2))} %`;
  const bits = (value) => [0, 1, 2, 3].reduce((sum, i) => sum + ((value >> i) & 1), 0);
  /* 0..1 for a cell, and what the two ends mean. */
  const scales = {
    coherence: [(l, c) => all.coherence(m(), l, c) / (2 * data.limit), "0", `${(2 * data.limit).toFixed(1)} sd or more above random words (beyond random directions from ${data.limit.toFixed(1)})`],
    level: [(l, c) => Math.max(...all.levels(m(), l, c)) / 4, "none", "semantics (phonology, morphology, syntax between)"],
    tasks: [(l, c) => bits(all.tasks(m(), l, c)) / 4, "0", "4"],
    variance: [(l, c) => (Math.log10(Math.max(all.variance(m(), l, c), 1e-6)) - least) / (most - least || 1), percent(least), `${percent(most)} (logarithmic)`],
    angle: [(l, c) => all.angle(m(), l, c) / widest, "0°", `${widest}° or more`],
  };
  const legend = h("p", { class: "ex-legend" });
  /* One path a shade instead of thousands of rectangles: redrawn in a few milliseconds. */
  const colourMap = () => {
    const [value, low, high] = scales[state.colour];
    const parts = Array.from({ length: BINS }, () => []);
    for (const [l, c] of matches) {
      const bin = Math.min(BINS - 1, Math.floor(bounded01(value(l, c)) * BINS));
      const [x, y] = at(l, c);
      parts[bin].push(`M${x} ${y}h${size.cell}v${size.row - 1}h-${size.cell}z`);
    }
    const tint = (bin) => shadeParts(0.08 + (0.92 * bin) / (BINS - 1));
    paths.replaceChildren(...parts.map((d, bin) => svg("path", { d: d.join(""), fill: rgb(tint(bin)) })));
    legend.replaceChildren(low, ...[0, 2, 4, 6, 8].map((bin) => swatch(tint(bin))), `${high}; blank: filtered out`);
    map.setAttribute("aria-label", `Map of ${matches.length} components by layer and rank, shaded by ${state.colour}. Arrow keys or the sliders open one.`);
  };

  /* --- the two models side by side */
  const cards = h("div", { class: "ex-row" });
  const card = (which, l, c) => {
    const title = MODELS[which][1];
    const lists = Array.from({ length: all.poles }, (_, p) => {
      const found = all.list(which, l, c, p);
      const about = [
        `level (by the rules): ${found.level}`,
        found.concept && `concept: ${found.concept}`,
        found.tasks.length && `tasks (by the rules): ${found.tasks.join(", ")}`,
        `coherence: ${found.coherence.toFixed(1)} sd`,
      ].filter(Boolean);
      const rows = found.words.map(({ text, score }) => [text === state.word ? `▸ ${text}` : text, score.toFixed(3)]);
      return h("div", { class: "ex-list" }, h("p", { class: "ex-note" }, h("b", {}, `${POLES[p]} pole`), ` · ${about.join(" · ")}`),
        h("p", { class: "ex-note ex-beyond", "data-beyond": found.beyond }, `${["✗", "○", "✓"][found.beyond]} ${BEYOND[found.beyond]}`),
        table([["Word", "Score"], ...rows], { "aria-label": `${title}, ${POLES[p]} pole` }));
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
    const count = `${matches.length} of ${all.layers * all.components} components of the ${state.model} model shown.`;
    if (!isFiltered() || !matches.length) return say(count);
    const here = matches.findIndex(([l, c]) => l === state.layer && c === state.component);
    const at = `layer ${state.layer}, component ${state.component}`;
    return say(`${count} ${here < 0 ? `Open: ${at}, which is none of them.` : `Match ${here + 1} of ${matches.length}: ${at}.`}`);
  };
  const refilter = () => {
    filter();
    colourMap();
    show();
  };
  const set = (key, after) => (value) => { state[key] = value; after(); };
  const step = (by) => () => {
    if (!matches.length) return say("No component passes the filter.");
    const here = flat(state.layer, state.component);
    const next = by > 0 ? matches.find((one) => flat(...one) > here) : matches.findLast((one) => flat(...one) < here);
    return go(...(next ?? matches.at(by > 0 ? 0 : -1)));
  };

  const layerSlider = slider("Layer", { min: 0, max: all.layers - 1, step: 1, value: state.layer }, set("layer", show));
  const componentSlider = slider("Component", { min: 0, max: all.components - 1, step: 1, value: state.component }, set("component", show));
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
        select("Level, by the rules", LEVELS, state.level, set("level", refilter)),
        select("Task, by the rules", TASKS, state.task, set("task", refilter)),
        search("Holds the word", state.word, set("word", refilter)),
        select("Shade the map by", COLOUR, state.colour, set("colour", () => { colourMap(); show(); }))),
      live,
      folded(el, "Map of all components", {}, legend, mapBox, under),
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
