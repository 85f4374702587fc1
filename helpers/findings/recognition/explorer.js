/* Chapter 1's explorer: which prompt tokens does a response rest on?
 *
 * The page holds the importance of every prompt for both models on their own and on each other's
 * response: S in ten levels, with and without the template's rows, and the sum of each prompt token.
 * Share of importance, density and score are computed here whenever the measure, b, p or the rows that
 * count change; what blanking a segment takes is stored as it is. `compact`: one prompt, one control.
 */
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const NAMES = ["base", "tuned"];
const MEASURES = [["share", "Share of the gradient"], ["score", "The paper's density"], ["blanking", "Exact blanking"]];
const SIMPLY = { share: "by its gradient", blanking: "by blanking, exactly" };
const RESPONSES = [["tuned", "tuned"], ["base", "base"], ["own", "each model itself"]];
const TWO = [["tuned", "both that of the tuned model"], ["own", "each its own"]]; // of the compact one
const TEMPLATE = [["hidden", ""], ["shown", ""]];
const NO_CROSSED = "This prompt is explained on each model's own response alone.";
const LEVELS = 10;
const MOST_ROWS = 200; // of the heat map
const ROW = 15;

const quoted = (text) => `“${text.trim() || text}”`;
const percent = (value) => `${Math.round(100 * value)}\u00a0%`;
const nats = (value) => fixed(value).replace("-", "−");
const likely = (loss) => `${fixed(Math.exp(Math.abs(loss)), 1)} times ${loss < 0 ? "more" : "less"} likely`;
/* What each measure says of a prompt, of a token, and of a token for a response token. */
const TOLD = {
  share: { lead: "Share on the instruction", column: "share", value: percent, token: percent, ends: ["none", "the largest share"],
    hint: "Tinted: a token's share of all importance." },
  score: { lead: "Instruction score", column: "density", value: fixed, token: (t) => `density ${fixed(t)}`, ends: ["density 0", "1 (the prompt's largest)"],
    hint: "Tinted: how many response tokens rest on a token." },
  blanking: { lead: "Without the instruction, a token", column: "nats lost", value: likely, token: (t) => `${nats(t)} nats`, ends: ["nothing lost", "the most"],
    hint: "Tinted: how much less likely the response becomes without a segment; no gradient." },
};

/* The prompts of the packed data, and `open(item)`, which gives its texts; `reading` gives what one
 * model makes of one response, its own or the other's where the item is `crossed`.
 */
const unpacker = async (data) => {
  const [texts, levels, more, sums] = await Promise.all([inflateJson(data.texts), inflate(data.levels), inflate(data.more), inflate(data.sums)]);
  const text = (numbers) => numbers.map((n) => texts.words[n]);
  const items = data.items.map((item, k) => ({ ...item, t: texts.prompt[k], r: texts.roles[k], m: { base: texts.base[k], tuned: texts.tuned[k] }, blanked: texts.blanked[k] }));
  let [at, row] = [0, 0];
  for (const item of items) {
    item.start = {};
    const pairs = [["base", "base"], ["tuned", "tuned"], ["base", "tuned"], ["tuned", "base"]];
    for (const [reader, author] of pairs.slice(0, item.crossed ? 4 : 2)) {
      const columns = item.m[author].length;
      item.start[`${reader} on ${author}`] = [at, row];
      [at, row] = [at + item.t.length * columns, row + item.t.length];
    }
    item.text = shown(text(item.t.filter((_, n) => item.r[n] !== "t")).join("").replace(/\s+/g, " ").trim());
    item.found = `${item.text} ${item.id} ${item.place}`.toLowerCase();
  }
  const reading = (item, reader, author) => {
    const [[start, first], columns, rows] = [item.start[`${reader} on ${author}`], item.m[author].length, item.t.length];
    const of = (all) => all.subarray(start, start + rows * columns);
    return { columns, levels: of(levels), more: of(more), sums: sums.subarray(first, first + rows), blanked: item.blanked?.[`${reader} on ${author}`] };
  };
  const open = (item) => ({ ...item, tokens: text(item.t), parts: partsOf(text(item.t)),
    responses: Object.fromEntries(NAMES.map((name) => [name, { tokens: text(item.m[name]), parts: partsOf(text(item.m[name])) }])) });
  return { items, counted: items.slice(0, items.length - (data.added ?? 0)), open, reading };
};

/* One reading of a prompt by a measure: `value` says what the instruction has, `tokens` what each token
 * has, `cell(n, m)` what a token has for a response token. Rows that do not count leave before all else.
 */
const explain = ({ columns, levels, more, sums, blanked }, item, { measure, b, p, template }) => {
  const kept = Array.from(item.r, (role) => template === "shown" || role !== "t");
  if (measure === "blanking") {
    const tokens = Float64Array.from(item.r, (role) => blanked?.[ROLES[role]] ?? NaN);
    return { tokens, columns, cell: () => 0, value: blanked?.instruction ?? NaN };
  }
  const S = template === "shown" ? levels : levels.map((level, at) => (kept[Math.floor(at / columns)] ? level + more[at] : 0));
  const least = measure === "score" ? b : 0;
  const cell = (n, m) => (S[n * columns + m] > least ? S[n * columns + m] / LEVELS : 0);
  if (measure === "score") {
    const tokens = relative(density(S, item.t.length, columns, p, b));
    return { tokens, columns, cell, value: columns ? scoreOf(tokens, item.r) : NaN };
  }
  const own = Float64Array.from(sums, (value, n) => (kept[n] ? value : 0));
  const whole = own.reduce((a, c) => a + c, 0);
  const tokens = own.map((value) => (whole ? value / whole : 0));
  return { tokens, columns, cell, value: whole ? tokens.reduce((sum, value, n) => (item.r[n] === "i" ? sum + value : sum), 0) : NaN };
};

const render = async ({ model, el }) => {
  const compact = model.get("compact");
  const name = compact ? "toy" : "saliency";
  const link = fragment(name);
  let { items, counted, open, reading } = await unpacker(model.get("data"));
  const passes = (item) => item.found.includes(state.find);
  const opening = (item) => (item.text.length > 60 ? `${item.text.slice(0, 58).trim()}…` : item.text);
  const choices = () => items.filter(passes).map((item) => [item.id, `${opening(item)} · ${item.id}`]);
  const blankable = items.some((item) => item.blanked);
  const measures = MEASURES.filter(([key]) => (key !== "blanking" || blankable) && (key !== "score" || !compact));
  const isSet = ["b", "p"].some((key) => link.get(key, "")); // a link to a setting of the paper's measure
  const state = {
    prompt: link.known("prompt", items.map((item) => [item.id]), model.get("data").opening),
    find: link.words("find"),
    measure: link.known("measure", measures, !compact && isSet ? "score" : "share"),
    response: link.known("response", compact ? TWO : RESPONSES, items.some((item) => item.crossed) ? "tuned" : "own"),
    template: link.known("template", TEMPLATE),
    b: link.bounded("b", 0, LEVELS - 1, 7),
    p: link.bounded("p", 1, 8, 4, 0.5),
  };
  const itemOf = (id) => items.find((item) => item.id === id);
  if (!passes(itemOf(state.prompt))) state.find = "";
  let prompt = open(itemOf(state.prompt));
  let found = {};
  const NOTHING = { side: null, at: null, panel: null, held: false };
  let picked = NOTHING;
  /* Whose response a model reads, and the one response that both read, if they do. */
  const shared = () => (prompt.crossed && state.response !== "own" ? state.response : null);
  const author = (reader) => shared() ?? reader;
  /* A prompt that was never blanked is read by its gradient. */
  const measure = () => (state.measure === "blanking" && !prompt.blanked ? "share" : state.measure);
  const told = () => TOLD[measure()];

  const [live, say] = status();
  const scores = h("div", { class: "ex-scores" });
  const hint = h("p", { class: "ex-note" });
  const average = h("p", { class: "ex-note" });
  const legend = h("p", { class: "ex-legend" });
  const sides = h("div", { class: "ex-sides" });
  const canvas = h("div", { class: "ex-scroll ex-heat", tabindex: "0", role: "region", "aria-label": "Picture" });
  const heatNote = h("p", { class: "ex-note" });

  /* --- panels: one a model, with its response tokens and rows of chips */
  let panels = [];
  const panelOf = (key) => ({
    key, answer: prompt.responses[author(key)], title: `${key === "base" ? "Base" : "Tuned"} model`,
    colour: modelParts(NAMES.indexOf(key)),
    cell: (n, m) => found[key].cell(n, m),
  });
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
    const worth = (t) => `${Math.round(t * LEVELS)}`;
    const strongest = (parts, value) =>
      parts.map((part, k) => [value(k), part.name]).filter(([t]) => t).sort((x, y) => y[0] - x[0])
        .slice(0, 5).map(([t, token]) => `${quoted(token)} ${worth(t)}`).join(", ") || "nothing above the threshold";
    const touched = panels.filter(touches);
    const each = (text) => touched.map((panel) => `${touched.length > 1 ? `${panel.key}: ` : ""}${text(panel)}`).join("; ");
    if (picked.side === "response") {
      return say(`${quoted(touched[0].answer.parts[picked.at].name)} rests on (levels of ${LEVELS}): ${each((panel) => strongest(prompt.parts, (n) => panel.cell(n, picked.at)))}.`);
    }
    if (measure() === "blanking") {
      const loss = ({ key }) => found[key].tokens[picked.at];
      return say(`Without the ${ROLES[prompt.r[picked.at]]} a token of the response is ${each((panel) => `${likely(loss(panel))} (${nats(loss(panel))} nats)`)}.`);
    }
    return say(`${quoted(prompt.parts[picked.at].name)} feeds (levels of ${LEVELS}): ${each((panel) => strongest(panel.answer.parts, (m) => panel.cell(picked.at, m)))}.`);
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
  /* Blanking says nothing of single response tokens: they are words to read. */
  const readable = ({ tokens, parts }) => {
    const built = tokenRow(tokens, parts, () => "response");
    Object.assign(built.row, { role: "group", ariaLabel: "Response tokens" });
    return { ...built, at: [], side: "response", pressed: new Set() };
  };
  const build = () => {
    picked = NOTHING;
    panels = NAMES.map(panelOf);
    sides.replaceChildren(...panels.map((panel) => {
      const { answer } = panel;
      panel.prompt = pickable(panel, "prompt", rowsKept(), prompt, (n) => ROLES[prompt.r[n]]);
      panel.response = measure() === "blanking" ? readable(answer) : pickable(panel, "response", [...answer.tokens.keys()], answer, () => "response");
      const whose = author(panel.key);
      return h("section", { "aria-label": panel.title },
        h("p", {}, h("b", {}, panel.title)), panel.prompt.row,
        h("p", { class: "ex-note" }, answer.tokens.length ? `Response of the ${whose} model` : `The ${whose} model's response is empty.`),
        panel.response.row);
    }));
  };
  /* Tints of every row: what each token has, or what it has for the token that is picked. */
  const paint = () => {
    const most = measure() === "score" ? 1 : largest(NAMES.flatMap((one) => rowsKept().map((n) => found[one].tokens[n] || 0)), 1e-9);
    for (const panel of panels) {
      const touched = touches(panel);
      const byToken = touched && picked.side === "response";
      const worth = (n) => Math.max(0, (found[panel.key].tokens[n] || 0) / most);
      const tints = {
        prompt: panel.prompt.at.map((n) => (byToken ? panel.cell(n, picked.at) : worth(n))),
        response: panel.response.at.map((m) => (touched && picked.side === "prompt" ? panel.cell(picked.at, m) : 0)),
      };
      for (const side of ["prompt", "response"]) {
        const { chips, at } = panel[side];
        if (!at.length) continue;
        const said = (k, t) => (side === "response" || byToken ? `S ${Math.round(t * LEVELS)}` : told().token(found[panel.key].tokens[at[k]]));
        panel[side].paint(tints[side], panel.colour, (chip, k, t) => {
          chip.ariaLabel = `${(side === "prompt" ? prompt : panel.answer).parts[at[k]].name}${side === "prompt" ? `, ${ROLES[prompt.r[at[k]]]}` : ""}${t ? `, ${said(k, t)}` : ""}`;
        });
        panel[side].pressed.forEach((chip) => { chip.ariaPressed = "false"; });
        panel[side].pressed = new Set(chips.filter((_, k) => isPicked(side, at[k], panel.key)));
        panel[side].pressed.forEach((chip) => { chip.ariaPressed = "true"; });
      }
    }
    const [low, high] = told().ends;
    legend.replaceChildren(low, ...panels.flatMap((panel) => [0.25, 0.5, 0.75, 1].map((t) => swatch(panel.colour(t)))), high, " · instruction tokens are underlined");
  };

  /* --- pictures: a heat map of S on the same rows for both models, or bars by segment */
  const ink = () => (isDark() ? "#f2f2f2" : "#1a1a1a");
  const label = (text, props) => svg("text", { fill: ink(), "font-size": 11, "font-family": "sans-serif", ...props }, text);
  const framed = (width, height, what, parts) => svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${what}${shared() ? `, on the ${shared()} model's response` : ""}` }, parts);
  const heatRows = () => {
    const rows = rowsKept();
    if (rows.length <= MOST_ROWS) return rows;
    const weight = (n) => largest(NAMES.map((one) => found[one].tokens[n]));
    return rows.sort((a, b) => weight(b) - weight(a)).slice(0, MOST_ROWS).sort((a, b) => a - b);
  };
  const clip = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);
  const heatMap = () => {
    const rows = heatRows();
    const [left, gap, room] = [118, 26, Math.max(300, canvas.clientWidth - 20)];
    const widths = panels.map(({ answer }) => Math.max(1, answer.tokens.length));
    const across = room >= 620;
    const columns = across ? widths.reduce((a, b) => a + b) : largest(widths);
    const cell = Math.max(8, Math.min(16, Math.floor((room - left - 30 - gap * (panels.length - 1)) / columns)));
    const top = 30 + 5 * largest(panels.flatMap(({ answer }) => answer.parts.map(({ text }) => clip(text).length)), 0);
    const deep = top + rows.length * ROW + 8;
    const lines = (x, y, n) => Array.from({ length: rows.length + 1 }, (_, k) => `M${x} ${y + k * ROW - 0.5}h${n * cell}`).join("") + Array.from({ length: n + 1 }, (_, m) => `M${x + m * cell - 0.5} ${y}v${rows.length * ROW}`).join("");
    const parts = panels.flatMap((panel, i) => {
      const x = across ? left + widths.slice(0, i).reduce((sum, n) => sum + n * cell + gap, 0) : left;
      const y = top + (across ? 0 : i * deep);
      const named = across && i ? [] : rows.map((n, k) => label(clip(prompt.parts[n].text), { x: left - 6, y: y + k * ROW + 12, "text-anchor": "end", "font-weight": prompt.r[n] === "i" ? 700 : 400, "text-decoration": prompt.r[n] === "i" ? "underline" : null }));
      const heads = panel.answer.parts.map(({ text }, m) => label(clip(text), { transform: `translate(${x + m * cell + cell / 2 + 4} ${y - 6}) rotate(-60)` }));
      const shades = new Map(); // one path a level instead of a rectangle a cell
      rows.forEach((n, k) => panel.answer.tokens.forEach((_, m) => {
        const t = panel.cell(n, m);
        if (t) shades.set(t, `${shades.get(t) ?? ""}M${x + m * cell} ${y + k * ROW}h${cell - 1}v${ROW - 1}h${1 - cell}z`);
      }));
      return [...named, label(panel.title, { x, y: y - top + 12, "font-weight": 700 }), ...heads, svg("path", { d: lines(x, y, panel.answer.tokens.length), stroke: ink(), "stroke-opacity": 0.12 }),
        ...Array.from(shades, ([t, d]) => svg("path", { d, fill: rgb(panel.colour(t)), "data-level": Math.round(t * LEVELS) }))];
    });
    heatNote.textContent = rows.length < rowsKept().length ? `The ${MOST_ROWS} of ${rowsKept().length} prompt tokens with the largest density; the CSV has all.` : "";
    const width = left + columns * cell + gap * (across ? panels.length - 1 : 0) + 44;
    return framed(width, across ? deep : deep * panels.length, "Normalised importance: prompt tokens by response tokens", parts);
  };
  /* What each segment has: the share of all its tokens, or what its blanking takes. */
  const bySegment = (one, role) => {
    const own = rowsKept().filter((n) => prompt.r[n] === role);
    return measure() === "blanking" ? found[one].tokens[own[0]] : own.reduce((sum, n) => sum + found[one].tokens[n], 0);
  };
  const bars = () => {
    const roles = [...new Set(rowsKept().map((n) => prompt.r[n]))];
    const rows = roles.flatMap((role) => NAMES.map((one, m) => ({ role, m, value: bySegment(one, role) })));
    const most = largest(rows.map(({ value }) => Math.abs(value) || 0), 1e-9);
    const [left, end] = [84, Math.max(300, Math.min(720, canvas.clientWidth - 20))];
    const parts = rows.flatMap(({ role, m, value }, k) => {
      const [y, long] = [6 + Math.floor(k / 2) * 38 + m * 15, (Math.max(0, value || 0) / most) * (end - left - 170)];
      return [...(m ? [] : [label(ROLES[role], { x: 0, y: y + 17, "font-weight": role === "i" ? 700 : 400 })]),
        svg("rect", { x: left, y, width: long, height: 13, fill: rgb(modelParts(m)(1)) }),
        label(`${NAMES[m]} ${told().token(value)}`, { x: left + long + 6, y: y + 11 })];
    });
    heatNote.textContent = "";
    return framed(end, 8 + roles.length * 38, `${told().column} by segment, both models`, parts);
  };
  const picture = () => (measure() === "score" ? heatMap() : bars());
  const drawPicture = () => { if (!compact) canvas.replaceChildren(picture()); };

  const rows = () => {
    const digits = measure() === "score" ? 2 : 4;
    const cells = measure() === "blanking" ? [] : panels.flatMap((panel) => panel.answer.parts.map((part, m) => ({ panel, m, head: `S ${panel.key}: ${part.name}` })));
    const head = ["prompt token", "role", ...NAMES.map((one) => `${told().column} ${one}`), ...cells.map((one) => one.head)];
    return [head, ...rowsKept().map((n) => [prompt.parts[n].name, ROLES[prompt.r[n]], ...NAMES.map((one) => fixed(found[one].tokens[n], digits)), ...cells.map(({ panel, m }) => Math.round(LEVELS * panel.cell(n, m)))])];
  };
  const tableBox = drawer("The same as a table", () => rows().map((row) => row.slice(0, 4)));

  /* --- what the instruction has, and the same of every prompt at this setting, in short pieces */
  const fillScores = () => {
    const about = (one) => {
      const followed = prompt.f[author(one)];
      return ` (${found[one].columns} token${found[one].columns === 1 ? "" : "s"}, ${followed === null ? "no rule" : followed ? "followed" : "not followed"})`;
    };
    const part = (one) => h("span", {}, `${one}: `, h("b", { "data-score": one }, told().value(found[one].value)), shared() || compact ? "" : about(one));
    const where = shared() && !compact ? ` ${measure() === "blanking" ? "of" : "on"} the ${shared()} model's response${about(shared())}` : "";
    scores.replaceChildren(h("span", {}, `${told().lead}${where}:`), ...panels.map(({ key }) => part(key)));
    hint.textContent = compact ? told().hint : `${told().hint} ${measure() === "blanking" ? "Click a token for its segment" : "Point at a response token, or click any token, to see what goes with it"}; Escape releases.`;
  };
  const effects = new Map();
  const run = pieces();
  const fillEffects = () => {
    const setting = { measure: measure(), b: state.b, p: state.p, template: state.template };
    const [one, key] = [shared(), [...Object.values(setting), shared()].join("/")];
    const among = counted.filter((item) => item.crossed || !one);
    const pairs = [];
    const piece = (k) => {
      const [base, tuned] = NAMES.map((reader) => explain(reading(among[k], reader, one ?? reader), among[k], setting).value);
      if (Number.isFinite(base) && Number.isFinite(tuned)) pairs.push({ item: among[k], base, tuned });
    };
    run(effects.has(key) ? 0 : among.length, piece, () => {
      if (!effects.has(key)) effects.set(key, pairs);
      showEffects(effects.get(key));
    });
  };
  const showEffects = (pairs) => {
    const averaged = NAMES.flatMap((one, m) => [m ? ", tuned " : "base ", h("b", { "data-mean": one }, told().value(mean(pairs.map((pair) => pair[one]))))]);
    average.replaceChildren(`Mean over ${pairs.length} prompts: `, ...averaged, `. Each dot is a prompt, placed by tuned minus base${measure() === "blanking" ? " (nats)" : ""}; dashed: the mean.`);
    strip.draw(pairs.map(({ item, base, tuned }) => ({ key: item.id, value: tuned - base, text: opening(item), faint: !passes(item) })), state.prompt);
  };

  const recompute = () => {
    canvas.replaceChildren(); // nothing of the view before may stay if a step below fails
    for (const one of NAMES) found[one] = explain(reading(prompt, one, author(one)), prompt, { ...state, measure: measure() });
    fillScores();
    paint();
    drawPicture();
    tableBox.fill();
    describe();
    if (!compact) fillEffects();
    link.put(state);
  };
  const show = () => {
    responseChoice.refuse(prompt.crossed ? "" : NO_CROSSED);
    settings.hidden = measure() !== "score";
    pictureBox.querySelector("summary").textContent = measure() === "score" ? "Every prompt token by every response token" : "By segment";
    build();
    recompute();
  };
  const choose = (id) => {
    state.prompt = id;
    prompt = open(itemOf(id));
    if (!passes(itemOf(id))) clearSearch();
    promptSelect.fill(choices(), id);
    show();
  };
  const strip = dotStrip("Prompts by what tuning changed", ["base higher", "tuned higher"], choose);
  const promptSelect = select("Prompt", choices(), state.prompt, choose);
  promptSelect.control.style.maxWidth = "min(34rem, 86cqw)";
  const refilter = () => {
    const left = choices();
    if (!left.length) return say(`No prompt holds “${state.find}”.`);
    return choose(left.some(([key]) => key === state.prompt) ? state.prompt : left[0][0]);
  };
  const set = (key, after) => (value) => { state[key] = value; after(); };
  const responseChoice = choice(compact ? "Which response do they read?" : "Explained on the response of", compact ? TWO : RESPONSES, state.response, set("response", show));
  responseChoice.hidden = !items.some((item) => item.crossed);
  const templateBox = checkbox("Template tokens", state.template === "shown", (on) => { state.template = on ? "shown" : "hidden"; show(); });
  templateBox.hidden = !items.some((item) => item.r.includes("t"));
  const finder = search("Find a prompt", state.find, set("find", refilter));
  const clearSearch = () => { state.find = finder.control.value = ""; };

  /* With a kernel the reader's own prompt is run; the published page has none. */
  const own = () => {
    if (model.static) {
      return h("p", { class: "ex-note" }, "To explain a prompt of your own, open chapter 1 as a notebook (at the head of its page).");
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
    clearSearch();
    choose(items.at(-1).id);
  };
  model.on("change:data", reload);

  const named = measures.map(([key, text]) => [key, compact ? SIMPLY[key] : text]);
  const measureChoice = choice(compact ? "What the response rests on" : "Measured as", named, state.measure, set("measure", show));
  const settings = folded(el, "Settings of the paper's measure", {}, h("div", { class: "ex-row" },
    slider("b, threshold", { min: 0, max: LEVELS - 1, step: 1, value: state.b }, set("b", recompute)),
    slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, set("p", recompute))));
  const pictureBox = h("details", { ontoggle: drawPicture }, h("summary", {}), heatNote, canvas);
  const whole = () => [
    h("div", { class: "ex-row" }, finder, promptSelect),
    h("div", { class: "ex-row" }, measureChoice, responseChoice, templateBox),
    scores, hint, sides, live, legend, average, strip.box, strip.under, settings, pictureBox,
    exporter("saliency", { rows, picture, say, link }), tableBox, own(),
  ];
  const simple = () => [h("div", { class: "ex-row" }, blankable ? measureChoice : responseChoice), sides, scores, legend, h("div", { class: "ex-unseen" }, live), hint];
  el.append(h("section", { class: `ex ex-${name}`, "aria-label": compact ? "One prompt and its response" : "Explorer: which prompt tokens a response rests on", onkeydown: release }, compact ? simple() : whole()));
  choose(state.prompt);
  arrive(name, el);
  const stop = onLook(el, show);
  return () => {
    stop();
    model.off("change:data", reload);
  };
};

export default { render };
