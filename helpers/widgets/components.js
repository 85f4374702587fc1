/* Chapter 4's explorer: the words of every component of every layer, in both models.
 *
 * A base component stands beside its partner in the tuned model (one-to-one, by absolute cosine).
 * The map has one cell a component; what is filtered out is left blank, not merely dimmed.
 */
const MODELS = [["base", "Base"], ["tuned", "Tuned"]];
const POLES = ["positive", "negative"];
const CELL = [3, 14];
const MARGIN = { left: 62, top: 6, bottom: 34 };

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
  const [steps, level, taskBits] = await Promise.all([data.steps, data.level, data.taskBits].map((text) => inflate(text)));
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
  const whole = (key, high) => {
    const value = Number(link.get(key, 0));
    return Number.isInteger(value) && value >= 0 && value < high ? value : 0;
  };
  const known = (key, options, fallback) => {
    const value = link.get(key, fallback);
    return options.some(([name]) => name === value) ? value : fallback;
  };
  const COLOUR = [
    ["coherence", "coherence of the words"],
    ["level", "linguistic level"],
    ["tasks", "number of tasks"],
    ["variance", "explained variance"],
    ["angle", "angle to the matched component"],
  ];
  const LEVELS = [["any", "any"], ...data.levels.map((name) => [name, name])];
  const TASKS = [["any", "any"], ...data.tasks.map((name) => [name, name])];
  const state = {
    model: known("model", MODELS, "base"),
    layer: whole("layer", all.layers),
    component: whole("component", all.components),
    colour: known("colour", COLOUR, "coherence"),
    level: known("level", LEVELS, "any"),
    task: known("task", TASKS, "any"),
    word: link.get("word", ""),
  };
  const m = () => (state.model === "base" ? 0 : 1);
  const live = h("p", { class: "ex-say", role: "status", "aria-live": "polite" });
  const say = (text) => { live.textContent = text; };

  /* --- filter: which cells of the map are shown */
  let shown = [];
  const passes = (l, c) => {
    if (state.level !== "any" && !all.levels(m(), l, c).includes(data.levels.indexOf(state.level))) return false;
    if (state.task !== "any" && !((all.tasks(m(), l, c) >> data.tasks.indexOf(state.task)) & 1)) return false;
    return !state.word || (all.number.has(state.word) && all.has(m(), l, c, all.number.get(state.word)));
  };
  const filter = () => {
    shown = [];
    for (let l = 0; l < all.layers; l += 1) for (let c = 0; c < all.components; c += 1) if (passes(l, c)) shown.push([l, c]);
  };

  /* --- map */
  const [width, height] = [all.components * CELL[0], all.layers * CELL[1]];
  const mark = svg("rect", { width: CELL[0] + 2, height: CELL[1] + 1, fill: "none", "stroke-width": 2 });
  const paths = svg("g", {});
  const names = svg("g", { "font-size": 10, fill: "currentColor" });
  for (let l = 0; l < all.layers; l += 1) {
    names.append(svg("text", { x: MARGIN.left - 6, y: MARGIN.top + (l + 0.78) * CELL[1], "text-anchor": "end" }, `layer ${l}`));
  }
  for (let c = 0; c < all.components; c += 50) {
    names.append(svg("text", { x: MARGIN.left + c * CELL[0], y: MARGIN.top + height + 13 }, String(c)));
  }
  names.append(svg("text", { x: MARGIN.left + width / 2, y: MARGIN.top + height + 28, "text-anchor": "middle" }, "component, by explained variance"));
  const map = svg("svg", { width: MARGIN.left + width + 8, height: MARGIN.top + height + MARGIN.bottom, role: "img" }, paths, names, mark);
  map.addEventListener("click", (event) => {
    const box = map.getBoundingClientRect();
    const c = Math.floor((event.clientX - box.left - MARGIN.left) / CELL[0]);
    const l = Math.floor((event.clientY - box.top - MARGIN.top) / CELL[1]);
    if (c >= 0 && c < all.components && l >= 0 && l < all.layers) go(l, c);
  });
  const BINS = 9;
  const bits = (value) => [0, 1, 2, 3].reduce((sum, i) => sum + ((value >> i) & 1), 0);
  /* 0..1 for a cell, and what the two ends mean. */
  const scales = {
    coherence: [(l, c) => all.coherence(m(), l, c) / (2 * data.limit), "0", `${(2 * data.limit).toFixed(1)} sd or more above random words`],
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
    for (const [l, c] of shown) {
      const bin = Math.min(BINS - 1, Math.floor(Math.min(1, Math.max(0, value(l, c))) * BINS));
      parts[bin].push(`M${MARGIN.left + c * CELL[0]} ${MARGIN.top + l * CELL[1]}h${CELL[0]}v${CELL[1] - 1}h-${CELL[0]}z`);
    }
    const tint = (bin) => shade(0.08 + (0.92 * bin) / (BINS - 1));
    paths.replaceChildren(...parts.map((d, bin) => svg("path", { d: d.join(""), fill: tint(bin) })));
    const swatch = (bin) => { const box = h("i", {}); box.style.background = tint(bin); return box; };
    legend.replaceChildren(low, ...[0, 2, 4, 6, 8].map(swatch), `${high}; blank: filtered out`);
    map.setAttribute("aria-label", `Map of ${shown.length} components by layer and rank, shaded by ${state.colour}. Use the sliders to open one.`);
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
        `coherence: ${found.coherence.toFixed(1)} sd${found.coherence > data.limit ? " (beyond random directions)" : ""}`,
      ].filter(Boolean);
      const rows = found.words.map(({ text, score }) =>
        h("tr", {}, h("td", { class: text === state.word ? "ex-hit" : null }, text === state.word ? `▸ ${text}` : text), h("td", {}, score.toFixed(3))));
      return h("div", {}, h("p", { class: "ex-note" }, h("b", {}, `${POLES[p]} pole`), ` · ${about.join(" · ")}`),
        h("table", { "aria-label": `${title}, ${POLES[p]} pole` }, h("thead", {}, head.cloneNode(true)), h("tbody", {}, rows)));
    });
    const share = `${(100 * all.variance(which, l, c)).toPrecision(2)} % of variance`;
    const box = h("section", { "aria-label": `${title} component` }, h("p", {}, h("b", {}, `${title}: layer ${l}, component ${c}`)), h("p", { class: "ex-note" }, share), h("div", { class: "ex-row" }, lists));
    box.style.flex = "1 1 20rem";
    return box;
  };
  const relation = h("p", {});
  const show = () => {
    const { layer: l, component: c } = state;
    const other = all.partner(m(), l, c);
    const [base, tuned] = m() ? [other, c] : [c, other];
    cards.replaceChildren(card(0, l, base), card(1, l, tuned));
    const move = tuned - base;
    relation.textContent = `Matched components: ${all.angle(m(), l, c).toFixed(1)}° apart; ${move ? `rank ${move < 0 ? "rose" : "fell"} by ${Math.abs(move)}` : "same rank"} after tuning.`;
    mark.setAttribute("x", MARGIN.left + c * CELL[0] - 1);
    mark.setAttribute("y", MARGIN.top + l * CELL[1] - 1);
    mark.setAttribute("stroke", isDark() ? "#fff" : "#000");
    link.put({ model: state.model, layer: l, component: c, colour: state.colour, level: state.level, task: state.task, word: state.word });
  };
  const go = (l, c) => {
    Object.assign(state, { layer: l, component: c });
    layerSlider.put(l);
    componentSlider.put(c);
    show();
  };
  const refilter = () => {
    filter();
    colourMap();
    const unknown = state.word && !all.number.has(state.word);
    say(unknown ? `“${state.word}” is not in the vocabulary.` : `${shown.length} of ${all.layers * all.components} components of the ${state.model} model shown.`);
    show();
  };
  const set = (key, after) => (value) => { state[key] = value; after(); };
  const step = (by) => () => {
    if (!shown.length) return say("No component passes the filter.");
    const here = state.layer * all.components + state.component;
    const flat = shown.map(([l, c]) => l * all.components + c);
    const found = by > 0 ? flat.find((at) => at > here) ?? flat[0] : flat.findLast((at) => at < here) ?? flat.at(-1);
    go(Math.floor(found / all.components), found % all.components);
    return say(`Layer ${state.layer}, component ${state.component}.`);
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
  el.append(
    h("section", { class: "ex ex-components", "aria-label": "Explorer: words of all feed-forward components" },
      h("p", {}, "Move the sliders or click the map. Both poles of a component are shown for both models; the tuned one is the base one's match."),
      h("div", { class: "ex-row" },
        choice("Slider and map follow", MODELS, state.model, set("model", refilter)),
        layerSlider, componentSlider,
        h("button", { type: "button", onclick: step(-1) }, "Previous match"),
        h("button", { type: "button", onclick: step(1) }, "Next match")),
      h("div", { class: "ex-row" },
        select("Level", LEVELS, state.level, set("level", refilter)),
        select("Task", TASKS, state.task, set("task", refilter)),
        labelled("Holds the word", wordBox),
        select("Shade the map by", COLOUR, state.colour, set("colour", () => { colourMap(); show(); }))),
      live,
      relation,
      cards,
      legend,
      h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Map of components" }, map),
      exporter("components", { rows, picture: () => map, say }),
    ),
  );
  refilter();
  return onTheme(() => { colourMap(); show(); });
};

export default { render };
