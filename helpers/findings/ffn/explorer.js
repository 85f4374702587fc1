/* Chapter 4's explorer: the words of every component of every layer, in both models of a pair.
 *
 * A base component stands beside its partner in the tuned model, one to one. The map has one cell a
 * component; what is filtered out is left blank, not merely dimmed. A pair may lack scores or angles
 * (data.steps, data.angle): the authors' released lists are words alone.
 */
const MODELS = [["base", "Base"], ["tuned", "Tuned"]];
const CELL = 6; // pixels, at least: a layer takes as many lines as that needs
const TOP = 6;
const FAR = 30; // degrees from which a partner is said to be another component
const BINS = 9;

/* Typed views on the packed arrays, and one function for each thing that is looked up in them. */
const opener = async (data) => {
  const [, layers, components, poles, topK] = data.shape;
  const each = poles * topK;
  const inflated = (names, Kind) => Promise.all(names.map((name) => data[name] && inflate(data[name], Kind)));
  const [partner, base, ownWords, concept] = await inflated(["partner", "words", "ownWords", "concept"], Uint16Array);
  const [shift] = await inflated(["shift"], Int8Array);
  const [steps, level, taskBits, beyond] = await inflated(["steps", "level", "taskBits", "beyond"]);
  const [scale, variance, angle] = await Promise.all(["scale", "variance", "angle"].map((name) => data[name] && inflateLevels(data[name])));
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
  const scores = new Uint8Array(steps?.length ?? 0);
  for (let at = 0; at < scores.length; at += 1) scores[at] = (at % topK ? scores[at - 1] : 127) - steps[at];
  const inverse = new Uint16Array(partner.length);
  partner.forEach((other, at) => { inverse[at - (at % components) + other] = at % components; });
  const cell = (m, l, c) => (m * layers + l) * components + c;
  const matched = (m, l, c) => (m ? inverse : partner)[l * components + c];
  const numbers = (m, l, c) => words.subarray(cell(m, l, c) * each, (cell(m, l, c) + 1) * each);
  const ofPoles = (values, m, l, c) => Array.from({ length: poles }, (_, p) => values[cell(m, l, c) * poles + p]);
  const list = (m, l, c, p) => {
    const at = cell(m, l, c) * poles + p;
    const others = new Set(numbers(1 - m, l, matched(m, l, c)));
    return {
      words: Array.from(numbers(m, l, c).subarray(p * topK, (p + 1) * topK), (word, k) => ({
        text: vocabulary[word],
        kept: others.has(word),
        score: steps ? (scores[at * topK + k] / 127) * scale[at] * (p ? -1 : 1) : NaN,
      })),
      concept: concepts[concept[at]],
      level: data.levels[level[at]],
      tasks: data.tasks.filter((_, i) => (taskBits[at] >> i) & 1),
      coherence: coherence[at],
      beyond: beyond[at],
    };
  };
  const kept = (m, l, c) => Array.from({ length: poles }, (_, p) => list(m, l, c, p).words.filter((one) => one.kept).length).reduce((a, b) => a + b, 0);
  return {
    layers, components, poles, each, vocabulary, list, kept, partner: matched, hasAngles: Boolean(angle),
    number: new Map(vocabulary.map((word, at) => [word, at])),
    has: (m, l, c, wanted) => numbers(m, l, c).includes(wanted),
    variance: (m, l, c) => variance[cell(m, l, c)],
    /* As seen from either model. */
    angle: (m, l, c) => angle[l * components + (m ? inverse[l * components + c] : c)],
    coherence: (m, l, c) => Math.max(...ofPoles(coherence, m, l, c)),
    levels: (m, l, c) => ofPoles(level, m, l, c),
    tasks: (m, l, c) => ofPoles(taskBits, m, l, c).reduce((a, b) => a | b, 0),
  };
};

/* One pair in an element; gives what ends it. `chooser` is the control that changes the pair. */
const view = (data, all, link, chooser, el) => {
  const said = data.said;
  const COLOUR = [
    ["coherence", said.coherence],
    ["level", `linguistic level, by ${said.by}`],
    ["tasks", `number of tasks, by ${said.by}`],
    ["variance", "explained variance"],
    ["kept", "words that its partner has"],
    all.hasAngles && ["angle", "angle to its partner"],
  ].filter(Boolean);
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
    const needed = (margin) => Math.ceil((all.components * CELL) / (width - margin - 8));
    const left = width < 480 || needed(24) < needed(62) ? 24 : 62;
    const lines = needed(left);
    const perLine = Math.ceil(all.components / lines);
    const cell = Math.min(14, Math.floor((10 * (width - left - 8)) / perLine) / 10);
    const row = lines > 1 ? 8 : 14;
    Object.assign(size, { left, perLine, cell, row, layer: lines * row + (lines > 1 ? 4 : 0) });
    map.setAttribute("width", left + perLine * cell + 8);
    map.setAttribute("height", TOP + all.layers * size.layer + 18);
    const shape = (l) => `M${left - 0.5} ${TOP + l * size.layer - 0.5}h${perLine * cell}v${lines * row}h${-perLine * cell}z`;
    frames.setAttribute("d", Array.from({ length: all.layers }, (_, l) => shape(l)).join(""));
    names.replaceChildren(
      ...Array.from({ length: all.layers }, (_, l) => label(left < 50 ? String(l) : `layer ${l}`, left - 6, TOP + l * size.layer + 10, "end")),
      label(`components 0 to ${all.components - 1}, strongest first${lines > 1 ? `; each layer has ${lines} lines of ${perLine}` : ""}`, left, TOP + all.layers * size.layer + 12, "start"));
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
  /* Scales that fit the data: up to the angle that one in twenty exceeds, between the variances. */
  const every = (value) => [0, 1].flatMap((m) => Array.from({ length: all.layers * all.components }, (_, at) => value(m, Math.floor(at / all.components), at % all.components))).sort((a, b) => a - b);
  const [angles, variances] = [all.hasAngles ? every(all.angle) : [0], every(all.variance)];
  const widest = Math.max(5, 5 * Math.ceil(angles[Math.floor(0.95 * (angles.length - 1))] / 5));
  const [least, most] = [variances[0], variances.at(-1)].map((value) => Math.log10(Math.max(value, 1e-6)));
  const percent = (power) => `${Number((100 * 10 ** power).toPrecision(2))} %`;
  const bits = (value) => [0, 1, 2, 3].reduce((sum, i) => sum + ((value >> i) & 1), 0);
  /* 0..1 for a cell, and what the two ends mean. */
  const scales = {
    coherence: [(l, c) => all.coherence(m(), l, c) / said.most, "0", said.high],
    level: [(l, c) => Math.max(...all.levels(m(), l, c)) / 4, "none", "semantics (phonology, morphology, syntax between)"],
    tasks: [(l, c) => bits(all.tasks(m(), l, c)) / 4, "0", "4"],
    variance: [(l, c) => (Math.log10(Math.max(all.variance(m(), l, c), 1e-6)) - least) / (most - least || 1), percent(least), `${percent(most)} (logarithmic)`],
    kept: [(l, c) => all.kept(m(), l, c) / all.each, "none", `all ${all.each}`],
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

  /* --- the two models side by side, lists as running words */
  const cards = h("div", { class: "ex-sides" });
  const opened = () => [0, 1].map((which) => (which === m() ? state.component : all.partner(m(), state.layer, state.component)));
  const lists = (which, c) => Array.from({ length: all.poles }, (_, p) => all.list(which, state.layer, c, p));
  const card = (which, c) => h("section", { "aria-label": `${MODELS[which][1]} component` },
    h("p", {}, h("b", {}, `${MODELS[which][1]}: layer ${state.layer}, component ${c}`), h("span", { class: "ex-note" }, ` · ${(100 * all.variance(which, state.layer, c)).toPrecision(2)} % of variance`)),
    lists(which, c).map((one, p) => h("div", { class: "ex-list" },
      h("p", { class: "ex-flow", role: "list", "aria-label": `${MODELS[which][1]}, ${data.poles[p]}` }, one.words.flatMap(({ text, kept }) => [
        h("span", { role: "listitem", class: `${kept ? "" : "ex-own"} ${text === state.word ? "ex-found" : ""}` }, shown(text)), " "])),
      h("p", { class: "ex-note", "data-beyond": one.beyond }, [
        `${p ? "Other end" : "One end"} of the axis: ${["✗", "○", "✓"][one.beyond]} ${said.beyond[one.beyond]}. `,
        `By ${said.by}: ${[one.concept && `“${one.concept}”`, `level ${one.level}`, ...one.tasks].filter(Boolean).join(", ")}.`]))));
  const relation = h("p", { class: "ex-relation" });
  const show = () => {
    const { layer: l, component: c } = state;
    const [base, tuned] = opened();
    const other = m() ? base : tuned;
    cards.replaceChildren(card(0, base), card(1, tuned));
    const angle = all.hasAngles ? all.angle(m(), l, c) : NaN;
    const turned = all.hasAngles ? `, ${angle.toFixed(angle < 10 ? 1 : 0)}° away` : "";
    const far = angle >= FAR ? " At such an angle it is the nearest that was left to pair with rather than the same component." : "";
    relation.textContent = `Partner in the ${MODELS[1 - m()][1].toLowerCase()} model (one to one, by ${said.matched}): component ${other}${turned}; ${all.kept(m(), l, c)} of ${all.each} words are in both (the others are underlined); ${tuned === base ? "same rank" : `rank ${tuned < base ? "rose" : "fell"} by ${Math.abs(tuned - base)}`} after tuning.${far}`;
    same.fill();
    place();
    tell();
    link.put({ ...chooser.state(), model: state.model, layer: l, component: c, colour: state.colour, level: state.level, task: state.task, word: state.word });
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
  const button = (text, by) => h("button", { type: "button", onclick: step(by) }, text);
  const layerSlider = slider("Layer", { min: 0, max: all.layers - 1, step: 1, value: state.layer }, set("layer", show));
  const componentSlider = slider("Component", { min: 0, max: all.components - 1, step: 1, value: state.component }, set("component", show));
  const rows = () => [
    ["model", "layer", "component", "pole", "variance", "level", "tasks", "concept", "coherence", "angle", "partner", "words", "scores"],
    ...opened().flatMap((c, which) => lists(which, c).map((one, p) => [
      MODELS[which][0], state.layer, c, data.poles[p], all.variance(which, state.layer, c), one.level, one.tasks.join(" "), one.concept,
      one.coherence.toFixed(3), all.hasAngles ? all.angle(which, state.layer, c).toFixed(2) : "", all.partner(which, state.layer, c),
      one.words.map((w) => w.text).join(" "), all.hasAngles ? one.words.map((w) => w.score.toFixed(3)).join(" ") : ""])),
  ];
  const same = drawer("The same as a table, with scores", () => {
    const four = opened().flatMap((c, which) => lists(which, c).map((one, p) => [`${MODELS[which][1]}, ${data.poles[p]}`, one.words]));
    return [four.flatMap(([name]) => [name, "score"]), ...four[0][1].map((_, k) => four.flatMap(([, words]) => [words[k].text, fixed(words[k].score, 3)]))];
  });
  const mapBox = h("div", { tabindex: "0", role: "group", "aria-label": "Map of components: the arrow keys move in it", onkeydown: walk }, map);
  el.replaceChildren(
    h("div", { class: "ex-row" }, chooser.control, choice("Slider and map follow", MODELS, state.model, set("model", refilter)),
      layerSlider, componentSlider, h("div", { class: "ex-buttons" }, button("Previous match", -1), button("Next match", 1))),
    folded(el, "Map of all components, and filters", {},
      h("div", { class: "ex-row" },
        select("Shade the map by", COLOUR, state.colour, set("colour", () => { colourMap(); show(); })),
        search("Holds the word", state.word, set("word", refilter)),
        select(`Level, by ${said.by}`, LEVELS, state.level, set("level", refilter)),
        select(`Task, by ${said.by}`, TASKS, state.task, set("task", refilter))),
      legend, mapBox, under),
    live, relation, cards, same,
    exporter("components", { rows, picture: () => map, say, link }));
  refilter();
  const watcher = new ResizeObserver(([entry]) => fit(Math.max(260, Math.floor(entry.contentRect.width))));
  watcher.observe(mapBox);
  const stop = onLook(el, () => { colourMap(); place(); });
  return () => { watcher.disconnect(); stop(); };
};

const render = async ({ model, el }) => {
  const pairs = model.get("data");
  const link = fragment("components");
  const PAIRS = pairs.map(({ name }) => [name, name]);
  let [pair, stop] = [link.known("pair", PAIRS), () => {}];
  const box = h("section", { class: "ex ex-components", "aria-label": "Explorer: words of all feed-forward components" });
  el.append(box);
  const open = async () => {
    const data = pairs.find(({ name }) => name === pair);
    const all = await opener(data);
    stop();
    stop = view(data, all, link, { control: PAIRS.length > 1 && chosen, state: () => (PAIRS.length > 1 ? { pair } : {}) }, box);
  };
  const chosen = select("Pair", PAIRS, pair, (name) => { pair = name; return open(); });
  await open();
  arrive("components", el);
  return () => stop();
};

export default { render };
