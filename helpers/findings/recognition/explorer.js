/* Chapter 1's explorer: which prompt tokens does a response rest on?
 *
 * The page holds the importance of every prompt, as shares of each column's maximum, for both models
 * on their own and on each other's response; S, density and score are computed here whenever L, b, p
 * or the rows that count change.
 */
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const NAMES = ["base", "tuned"];
const VIEWS = [["both", "Both models"], ["base", "Base"], ["tuned", "Tuned"], ["difference", "Difference"]];
const RESPONSES = [["tuned", "tuned"], ["base", "base"], ["own", "each model itself"]];
const TEMPLATE = [["shown", ""], ["hidden", ""]];
const NO_CROSSED = "This prompt is explained on each model's own response alone.";
const MOST_ROWS = 200; // of the heat map
const ROW = 15;

const quoted = (text) => `“${text.trim() || text}”`;

/* The prompts of the packed data, and `open(item)`, which gives its matrices: each model on its own
 * response, and on the other's where the item is `crossed`.
 */
const unpacker = async (data) => {
  const [texts, shares] = await Promise.all([inflateJson(data.texts), inflate(data.shares, Uint16Array)]);
  const text = (numbers) => numbers.map((n) => texts.words[n]);
  const items = data.items.map((item, k) => ({ ...item, t: texts.prompt[k], r: texts.roles[k], m: { base: texts.base[k], tuned: texts.tuned[k] } }));
  let at = 0;
  for (const item of items) {
    item.start = {};
    const pairs = [["base", "base"], ["tuned", "tuned"], ["base", "tuned"], ["tuned", "base"]];
    for (const [reader, author] of pairs.slice(0, item.crossed ? 4 : 2)) {
      item.start[`${reader} on ${author}`] = at;
      at += item.t.length * item.m[author].length;
    }
    item.text = shown(text(item.t.filter((_, n) => item.r[n] !== "t")).join("").replace(/\s+/g, " ").trim());
  }
  const reading = (item, reader, author) => {
    const [start, columns] = [item.start[`${reader} on ${author}`], item.m[author].length];
    return { columns, shares: shares.subarray(start, start + item.t.length * columns) };
  };
  const open = (item) => ({ ...item, tokens: text(item.t), parts: partsOf(text(item.t)),
    responses: Object.fromEntries(NAMES.map((name) => [name, { tokens: text(item.m[name]), parts: partsOf(text(item.m[name])) }])) });
  return { items, counted: items.slice(0, items.length - (data.added ?? 0)), open, reading };
};

/* S, relative density r and score of one reading of a prompt, template rows left out before all else
 * where they are hidden.
 */
const explain = ({ shares, columns }, item, { L, b, p, template }) => {
  const kept = template === "hidden" ? Array.from(item.r, (role) => role !== "t") : null;
  const S = normalise(shares, columns, L, b, kept);
  const r = relative(density(S, item.t.length, columns, p));
  return { S, r, columns, score: columns ? scoreOf(r, item.r) : NaN };
};

const render = async ({ model, el }) => {
  const link = fragment("saliency");
  let { items, counted, open, reading } = await unpacker(model.get("data"));
  const distinct = (key) => [["all", "all"], ...[...new Set(items.map((item) => item[key]))].map((v) => [v, v])];
  const passes = (item) => ["kind", "place"].every((key) => state[key] === "all" || item[key] === state[key])
    && (item.text.toLowerCase().includes(state.find) || item.id.toLowerCase().includes(state.find));
  const opening = (item) => (item.text.length > 60 ? `${item.text.slice(0, 58).trim()}…` : item.text);
  const choices = () => items.filter(passes).map((item) => [item.id, `${opening(item)} · ${item.id}`]);
  const L = link.bounded("L", 2, 20, 10);
  const state = {
    prompt: link.known("prompt", items.map((item) => [item.id]), model.get("data").opening),
    kind: link.known("kind", distinct("kind"), "all"),
    place: link.known("place", distinct("place"), "all"),
    find: link.words("find"),
    model: link.known("model", VIEWS),
    response: link.known("response", RESPONSES, items.some((item) => item.crossed) ? "tuned" : "own"),
    template: link.known("template", TEMPLATE),
    L,
    b: link.bounded("b", 0, L - 1, Math.min(7, L - 1)),
    p: link.bounded("p", 1, 8, 4, 0.5),
  };
  const itemOf = (id) => items.find((item) => item.id === id);
  if (!passes(itemOf(state.prompt))) Object.assign(state, { kind: "all", place: "all", find: "" });
  let prompt = open(itemOf(state.prompt));
  let found = {};
  let picked = { side: null, at: null, panel: null, held: false };
  /* Whose response a model reads, and the one response that both read, if they do. */
  const shared = () => (prompt.crossed && state.response !== "own" ? state.response : null);
  const author = (name) => shared() ?? name;

  const [live, say] = status();
  const scores = h("div", { class: "ex-scores" });
  const average = h("p", { class: "ex-note" });
  const legend = h("p", { class: "ex-legend" });
  const sides = h("div", { class: "ex-sides" });
  const canvas = h("div", { class: "ex-scroll ex-heat", tabindex: "0", role: "region", "aria-label": "Heat map" });
  const heatNote = h("p", { class: "ex-note" });

  /* --- panels: one a model, or their difference, with its own response tokens and rows of chips */
  let panels = [];
  const panelOf = (key) => {
    const isDifference = key === "difference";
    const whose = shared() ?? (isDifference ? null : key);
    const answer = whose ? prompt.responses[whose] : { tokens: [], parts: [] };
    return {
      key, isDifference, whose, answer,
      title: isDifference ? "Tuned minus base" : `${VIEWS.find(([name]) => name === key)[1]} model`,
      colour: isDifference ? divergeParts : modelParts(NAMES.indexOf(key)),
      /* S as a share of L; its difference where both models read one response. */
      cell: (n, m) => {
        const at = n * answer.tokens.length + m;
        return (isDifference ? found.tuned.S[at] - found.base.S[at] : found[key].S[at]) / state.L;
      },
      density: (n) => (isDifference ? found.tuned.r[n] - found.base.r[n] : found[key].r[n]),
    };
  };
  const touches = (panel) => picked.side === "prompt" || (picked.side === "response" && (shared() || panel.key === picked.panel));
  const rowsKept = () => Array.from(prompt.tokens.keys()).filter((n) => state.template === "shown" || prompt.r[n] !== "t");

  const take = (side, at, panel, held) => {
    picked = { side, at, panel, held };
    paint();
    describe();
  };
  const isPicked = (side, at, panel) => picked.side === side && picked.at === at && (side === "prompt" || Boolean(shared()) || picked.panel === panel);
  /* Pointing and focus pick a token, a click holds it until the next, a second click or Escape. */
  const hold = (...at) => (isPicked(...at) && picked.held ? take(null, null, null, false) : take(...at, true));
  const release = (event) => { if (event.key === "Escape" && picked.side) take(null, null, null, false); };

  const describe = () => {
    if (!picked.side) return say("");
    const sign = (v, panel) => (panel.isDifference && v > 0 ? `+${v}` : String(v).replace("-", "−"));
    const strongest = (panel, parts, value) =>
      parts.map(({ name }, k) => [Math.round(state.L * value(k)), name]).filter(([v]) => v).sort((x, y) => Math.abs(y[0]) - Math.abs(x[0]))
        .slice(0, 5).map(([v, name]) => `${quoted(name)} ${sign(v, panel)}`).join(", ") || "nothing above the threshold";
    const touched = panels.filter(touches);
    const lead = (panel) => (touched.length > 1 ? `${panel.key}: ` : "");
    if (picked.side === "response") {
      const texts = touched.map((panel) => `${lead(panel)}${strongest(panel, prompt.parts, (n) => panel.cell(n, picked.at))}`);
      return say(`${quoted(touched[0].answer.parts[picked.at].name)} rests on${touched[0].isDifference ? " (S, tuned minus base)" : ""}: ${texts.join("; ")}.`);
    }
    const token = quoted(prompt.parts[picked.at].name);
    if (!panels[0].whose) return say(`${token}: density ${NAMES.map((name) => `${fixed(found[name].r[picked.at])} ${name}`).join(", ")}.`);
    const texts = touched.map((panel) => `${lead(panel)}${strongest(panel, panel.answer.parts, (m) => panel.cell(picked.at, m))}`);
    return say(`${token} feeds${panels[0].isDifference ? " (S, tuned minus base)" : ""}: ${texts.join("; ")}.`);
  };

  /* Arrow keys walk along a row of tokens; one of them is in the tab order. */
  const walk = (chips) => (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    const now = chips.indexOf(document.activeElement);
    const next = event.key === "Home" ? 0 : event.key === "End" ? chips.length - 1 : now + (step ?? NaN);
    if (!chips[next]) return;
    event.preventDefault();
    chips.forEach((chip, k) => { chip.tabIndex = k === next ? 0 : -1; });
    chips[next].focus();
  };
  /* A row of chips of one panel that can be picked; `at` is where each stands in its whole text. */
  const pickable = (panel, side, at, { tokens, parts }, classOf) => {
    const built = tokenRow(at.map((n) => tokens[n]), at.map((n) => parts[n]), (k) => classOf(at[k]), "button");
    built.chips.forEach((chip, k) => {
      Object.assign(chip, { type: "button", tabIndex: k ? -1 : 0, ariaPressed: "false", ariaLabel: `${parts[at[k]].name}${side === "prompt" ? `, ${classOf(at[k])}` : ""}` });
    });
    const placeOf = (event) => at[built.chips.indexOf(event.target)];
    const on = (kind, does) => built.row.addEventListener(kind, (event) => { const n = placeOf(event); if (n !== undefined) does(n); }, true);
    on("click", (n) => hold(side, n, panel.key));
    if (side === "response") {
      on("focus", (n) => { if (!isPicked(side, n, panel.key)) take(side, n, panel.key, false); });
      on("mouseenter", (n) => { if (!picked.held) take(side, n, panel.key, false); });
    }
    built.row.addEventListener("keydown", walk(built.chips));
    Object.assign(built.row, { role: "group", ariaLabel: `${side === "prompt" ? "Prompt" : "Response"} tokens` });
    return { ...built, at, side, pressed: new Set() };
  };
  const build = () => {
    picked = { side: null, at: null, panel: null, held: false };
    panels = (state.model === "both" ? NAMES : [state.model]).map(panelOf);
    sides.replaceChildren(...panels.map((panel) => {
      panel.prompt = pickable(panel, "prompt", rowsKept(), prompt, (n) => ROLES[prompt.r[n]]);
      panel.response = pickable(panel, "response", [...panel.answer.tokens.keys()], panel.answer, () => "response");
      const whose = panel.whose && (panel.answer.tokens.length ? `Response of the ${panel.whose} model` : `The ${panel.whose} model's response is empty.`);
      return h("section", { "aria-label": panel.title },
        h("p", {}, h("b", {}, panel.title)), panel.prompt.row,
        h("p", { class: "ex-note" }, whose ?? "Each model is explained on its own response: the tint is tuned minus base."),
        panel.response.row);
    }));
  };
  /* Tints of every row: densities, or S of the token that is picked. */
  const paint = () => {
    for (const panel of panels) {
      const touched = touches(panel);
      const byToken = touched && picked.side === "response";
      const tints = {
        prompt: panel.prompt.at.map((n) => (byToken ? panel.cell(n, picked.at) : panel.density(n))),
        response: panel.response.at.map((m) => (touched && picked.side === "prompt" ? panel.cell(picked.at, m) : 0)),
      };
      for (const side of ["prompt", "response"]) {
        const { chips, at } = panel[side];
        const worth = (t) => (side === "response" || byToken ? `S ${Math.round(t * state.L)}` : `density ${fixed(t)}`);
        const what = panel.isDifference ? "difference of " : "";
        panel[side].paint(tints[side], panel.colour, (chip, k, t) => {
          chip.ariaLabel = `${(side === "prompt" ? prompt : panel.answer).parts[at[k]].name}${side === "prompt" ? `, ${ROLES[prompt.r[at[k]]]}` : ""}${t ? `, ${what}${worth(t)}` : ""}`;
        });
        panel[side].pressed.forEach((chip) => { chip.ariaPressed = "false"; });
        panel[side].pressed = new Set(chips.filter((_, k) => isPicked(side, at[k], panel.key)));
        panel[side].pressed.forEach((chip) => { chip.ariaPressed = "true"; });
      }
    }
    fillLegend();
  };
  const fillLegend = () => {
    const bySign = panels[0].isDifference;
    const steps = bySign ? [-1, -0.5, 0, 0.5, 1] : [0.25, 0.5, 0.75, 1];
    const ends = bySign ? ["base higher", "tuned higher"] : picked.side ? ["S = 0", `S = ${state.L}`] : ["density 0", "1 (the prompt's largest)"];
    legend.replaceChildren(ends[0], ...panels.flatMap((panel) => steps.map((t) => swatch(panel.colour(t)))), ends[1], " · instruction tokens are underlined");
  };

  /* --- heat map: all panels on the same rows; of a long prompt the rows that matter most */
  const heatRows = () => {
    const kept = rowsKept();
    if (kept.length <= MOST_ROWS) return kept;
    const weight = (n) => largest(panels.map((panel) => Math.abs(panel.density(n))));
    return kept.sort((a, b) => weight(b) - weight(a)).slice(0, MOST_ROWS).sort((a, b) => a - b);
  };
  const clip = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);
  const picture = () => {
    const rows = heatRows();
    const [left, gap, room] = [118, 26, Math.max(300, canvas.clientWidth - 20)];
    const bars = !panels[0].whose;
    const widths = panels.map(({ answer }) => Math.max(1, answer.tokens.length));
    const across = room >= 620;
    const columns = across ? widths.reduce((a, b) => a + b) : largest(widths);
    const cell = Math.max(8, Math.min(16, Math.floor((room - left - 30 - gap * (panels.length - 1)) / columns)));
    const top = bars ? 24 : 30 + 5 * largest(panels.flatMap(({ answer }) => answer.parts.map(({ text }) => clip(text).length)), 0);
    const deep = top + rows.length * ROW + 8;
    const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
    const label = (text, props) => svg("text", { fill: ink, "font-size": 11, "font-family": "sans-serif", ...props }, text);
    const lines = (x, y, n) => Array.from({ length: rows.length + 1 }, (_, k) => `M${x} ${y + k * ROW - 0.5}h${n * cell}`).join("") + Array.from({ length: n + 1 }, (_, m) => `M${x + m * cell - 0.5} ${y}v${rows.length * ROW}`).join("");
    const parts = panels.flatMap((panel, i) => {
      const x = across ? left + widths.slice(0, i).reduce((sum, n) => sum + n * cell + gap, 0) : left;
      const y = top + (across ? 0 : i * deep);
      const named = across && i ? [] : rows.map((n, k) => label(clip(prompt.parts[n].text), { x: left - 6, y: y + k * ROW + 12, "text-anchor": "end", "font-weight": prompt.r[n] === "i" ? 700 : 400, "text-decoration": prompt.r[n] === "i" ? "underline" : null }));
      const heads = panel.answer.parts.map(({ text }, m) => label(clip(text), { transform: `translate(${x + m * cell + cell / 2 + 4} ${y - 6}) rotate(-60)` }));
      const title = label(panel.title, { x, y: y - top + 12, "font-weight": 700 });
      if (bars) return [...named, title, ...barsOf(rows, x, y), svg("line", { x1: x + 60, x2: x + 60, y1: y, y2: y + rows.length * ROW, stroke: ink })];
      const shades = new Map(); // one path a level instead of a rectangle a cell
      rows.forEach((n, k) => panel.answer.tokens.forEach((_, m) => {
        const t = panel.cell(n, m);
        if (t) shades.set(t, `${shades.get(t) ?? ""}M${x + m * cell} ${y + k * ROW}h${cell - 1}v${ROW - 1}h${1 - cell}z`);
      }));
      return [...named, title, ...heads, svg("path", { d: lines(x, y, panel.answer.tokens.length), stroke: ink, "stroke-opacity": 0.12 }),
        ...Array.from(shades, ([t, d]) => svg("path", { d, fill: rgb(panel.colour(t)), "data-level": Math.round(t * state.L) }))];
    });
    const width = left + (bars ? 120 : columns * cell + gap * (across ? panels.length - 1 : 0)) + 44;
    const height = across ? deep : deep * panels.length;
    const what = state.model === "both" ? "both models" : panels[0].isDifference ? "tuned minus base" : `${state.model} model`;
    const name = bars ? "Difference of density, tuned minus base, per prompt token" : `Normalised importance, ${what}${shared() ? `, on the ${shared()} model's response` : ""}: prompt tokens by response tokens`;
    heatNote.textContent = rows.length < rowsKept().length ? `Heat map of the ${MOST_ROWS} of ${rowsKept().length} prompt tokens with the largest density; the CSV has all.` : "";
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts);
  };
  const drawHeat = () => canvas.replaceChildren(picture());
  const barsOf = (rows, x, y) => rows.map((n, k) => {
    const t = panels[0].density(n);
    return svg("rect", { x: x + 60 + 58 * Math.min(t, 0), y: y + k * ROW + 2, width: Math.abs(58 * t), height: ROW - 4, fill: rgb(divergeParts(Math.sign(t))) });
  });

  const rows = () => {
    const [kept, read] = [rowsKept(), panels.filter((panel) => panel.whose)];
    const head = ["prompt token", "role", "density base", "density tuned"];
    const body = kept.map((n) => [prompt.parts[n].name, ROLES[prompt.r[n]], fixed(found.base.r[n]), fixed(found.tuned.r[n]),
      ...read.flatMap((panel) => panel.answer.tokens.map((_, m) => Math.round(state.L * panel.cell(n, m))))]);
    return [[...head, ...read.flatMap((panel) => panel.answer.parts.map(({ name }) => `S ${panel.isDifference ? "tuned − base" : panel.key}: ${name}`))], ...body];
  };
  const tableBox = drawer("The same as a table", () => rows().map((row) => row.slice(0, 4)));

  /* --- the scores, and those of every prompt at this setting: once a setting, in short pieces */
  const fillScores = () => {
    const about = (name) => {
      const followed = prompt.f[author(name)];
      return ` (${found[name].columns} tokens, ${followed === null ? "no rule" : followed ? "followed" : "not followed"})`;
    };
    const part = (name) => h("span", {}, `${name}: `, h("b", { "data-score": name }, fixed(found[name].score)), shared() ? "" : about(name));
    scores.replaceChildren(h("span", {}, shared() ? `Instruction score on the ${shared()} model's response${about(shared())}:` : "Instruction score:"), ...NAMES.map(part));
  };
  const effects = new Map();
  const run = pieces();
  const fillEffects = () => {
    const setting = { L: state.L, b: state.b, p: state.p, template: state.template };
    const [one, key] = [shared(), [...Object.values(setting), shared()].join("/")];
    const among = counted.filter((item) => item.crossed || !one);
    const pairs = [];
    const piece = (k) => {
      const [base, tuned] = NAMES.map((name) => explain(reading(among[k], name, one ?? name), among[k], setting).score);
      if (Number.isFinite(base) && Number.isFinite(tuned)) pairs.push({ item: among[k], base, tuned });
    };
    run(effects.has(key) ? 0 : among.length, piece, () => {
      if (!effects.has(key)) effects.set(key, pairs);
      showEffects(effects.get(key));
    });
  };
  const showEffects = (pairs) => {
    const averaged = NAMES.flatMap((name, m) => [m ? ", tuned " : "base ", h("b", { "data-mean": name }, fixed(mean(pairs.map((pair) => pair[name]))))]);
    average.replaceChildren(`Mean over ${pairs.length} prompts: `, ...averaged, ". Each dot is a prompt, placed by tuned minus base; dashed: the mean.");
    strip.draw(pairs.map(({ item, base, tuned }) => ({ key: item.id, value: tuned - base, text: opening(item), faint: !passes(item) })), state.prompt);
  };

  const recompute = () => {
    canvas.replaceChildren(); // nothing of the view before may stay if a step below fails
    for (const name of NAMES) found[name] = explain(reading(prompt, name, author(name)), prompt, state);
    fillScores();
    paint();
    drawHeat();
    tableBox.fill();
    describe();
    fillEffects();
    link.put(state);
  };
  const show = () => {
    responseChoice.refuse(prompt.crossed ? "" : NO_CROSSED);
    build();
    recompute();
  };
  const choose = (id) => {
    state.prompt = id;
    prompt = open(itemOf(id));
    if (!choices().some(([key]) => key === id)) clearFilters();
    promptSelect.fill(choices(), id);
    show();
  };
  const strip = dotStrip("Prompts by what tuning changed", ["base higher", "tuned higher"], choose);
  const promptSelect = select("Prompt", choices(), state.prompt, choose);
  const refilter = () => {
    const left = choices();
    if (!left.length) return say(state.find ? `No prompt of this kind and place holds “${state.find}”.` : "No prompt is of this kind and place.");
    return choose(left.some(([key]) => key === state.prompt) ? state.prompt : left[0][0]);
  };
  const set = (key, after) => (value) => { state[key] = value; after(); };
  const moveL = (value) => {
    state.L = value;
    const lowered = thresholdSlider.limit(value - 1) < state.b;
    if (lowered) state.b = value - 1;
    recompute();
    if (lowered) say(`b is lowered to ${state.b}: it must be below L.`);
  };
  const responseChoice = choice("Explained on the response of", RESPONSES, state.response, set("response", show));
  responseChoice.hidden = !items.some((item) => item.crossed);
  const templateBox = checkbox("Template tokens", state.template === "shown", (on) => { state.template = on ? "shown" : "hidden"; show(); });
  templateBox.hidden = !items.some((item) => item.r.includes("t"));
  const thresholdSlider = slider("b, threshold", { min: 0, max: state.L - 1, step: 1, value: state.b }, set("b", recompute));
  const finder = search("Find a prompt", state.find, set("find", refilter));
  const filters = [["kind", "Kind"], ["place", "Instruction stands"]].map(([key, label]) => select(label, distinct(key), state[key], set(key, refilter)));
  const clearFilters = () => {
    Object.assign(state, { kind: "all", place: "all", find: "" });
    for (const { control } of filters) control.value = "all";
    finder.control.value = "";
  };

  /* With a kernel the reader's own prompt is run; the published page has none. */
  const own = () => {
    if (model.static) {
      return h("p", { class: "ex-note" }, "To explain a prompt of your own, open chapter 1 as a notebook (the rocket at the top of its page).");
    }
    const text = h("textarea", { placeholder: "A prompt of your own" });
    const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress" });
    const button = h("button", { type: "button", onclick: () => {
      if (!text.value.trim()) return say("Write a prompt first.");
      bar.hidden = false;
      model.send({ type: "run", text: text.value });
      return undefined;
    } }, "Run both models");
    model.on("change:progress", () => { bar.value = model.get("progress"); bar.hidden = bar.value >= 1; });
    model.on("change:problem", () => { say(model.get("problem")); bar.hidden = true; });
    return h("div", {}, labelled("Your own prompt (all of it counts as instruction)", text), h("div", { class: "ex-row" }, button, bar));
  };
  const reload = async () => {
    ({ items, counted, open, reading } = await unpacker(model.get("data")));
    clearFilters();
    choose(items.at(-1).id);
  };
  model.on("change:data", reload);

  el.append(
    h("section", { class: "ex ex-saliency", "aria-label": "Explorer: which prompt tokens a response rests on", onkeydown: release },
      h("div", { class: "ex-row" }, finder, promptSelect),
      h("div", { class: "ex-row" }, choice("Show", VIEWS, state.model, set("model", show)), responseChoice, templateBox),
      scores,
      h("p", { class: "ex-note" }, "Tinted: how many tokens of the response rest on a token of the prompt. Point at a token of a response to see what it rests on, click to hold it; click a prompt token for the reverse; Escape releases."),
      sides,
      live,
      legend,
      average,
      strip.box,
      strip.under,
      folded(el, "Filters and settings of the measure", {}, h("div", { class: "ex-row" }, ...filters,
        slider("L, levels", { min: 2, max: 20, step: 1, value: state.L }, moveL),
        thresholdSlider,
        slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, set("p", recompute)))),
      folded(el, "Every prompt token by every response token", { ontoggle: () => drawHeat() }, heatNote, canvas),
      exporter("saliency", { rows, picture: () => canvas.querySelector("svg"), say, link }),
      tableBox,
      own(),
    ),
  );
  choose(state.prompt);
  arrive("saliency", el);
  const stop = onTheme(show);
  return () => {
    stop();
    model.off("change:data", reload);
  };
};

export default { render };
