/* Chapter 1's explorer: which prompt tokens does a response rest on?
 *
 * The page holds the importance of every prompt, as shares of each column's maximum, for both models
 * on their own and on each other's response; S, density and score are computed here whenever L, b or
 * p move.
 */
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const NAMES = ["base", "tuned"];
const MODELS = [["base", "Base"], ["tuned", "Tuned"], ["difference", "Difference"]];
const RESPONSES = [["own", "each model itself"], ["base", "base"], ["tuned", "tuned"]];
const NO_CROSSED = "A prompt of your own is explained on each model's own response alone.";

const fixed = (value) => (Number.isFinite(value) ? value.toFixed(2) : "–");

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
  }
  const reading = (item, reader, author) => {
    const [start, columns] = [item.start[`${reader} on ${author}`], item.m[author].length];
    return { columns, shares: shares.subarray(start, start + item.t.length * columns) };
  };
  const open = (item) => ({
    ...item,
    tokens: text(item.t),
    responses: { base: text(item.m.base), tuned: text(item.m.tuned) },
  });
  return { items, open, reading };
};

/* S, relative density r and score of one reading of a prompt. */
const explain = ({ shares, columns }, item, { L, b, p }) => {
  const S = normalise(shares, L, b);
  const r = relative(density(S, item.t.length, columns, p));
  return { S, r, columns, score: columns ? scoreOf(r, item.r) : NaN };
};

const render = async ({ model, el }) => {
  const link = fragment("saliency");
  let { items, open, reading } = await unpacker(model.get("data"));
  const distinct = (key) => [["all", "all"], ...[...new Set(items.map((item) => item[key]))].map((v) => [v, v])];
  const passes = (item) => ["kind", "place"].every((key) => state[key] === "all" || item[key] === state[key]);
  const choices = () => items.filter(passes).map((item) => [item.id, item.id]);
  const L = link.bounded("L", 2, 20, 10);
  const state = {
    id: link.known("prompt", items.map((item) => [item.id]), model.get("data").opening),
    kind: link.known("kind", distinct("kind"), "all"),
    place: link.known("place", distinct("place"), "all"),
    view: link.known("model", MODELS, "tuned"),
    response: link.known("response", RESPONSES, "own"),
    L,
    b: link.bounded("b", 0, L - 1, Math.min(7, L - 1)),
    p: link.bounded("p", 1, 8, 4),
    side: null, // "response" or "prompt": what is picked
    pick: null,
    held: false,
  };
  if (!passes(items.find((item) => item.id === state.id))) state.kind = state.place = "all";
  let prompt = open(items.find((item) => item.id === state.id));
  let found = {};
  /* Whose response a model reads, and the one response that both read, if they do. */
  const shared = () => (prompt.crossed && state.response !== "own" ? state.response : null);
  const author = (name) => shared() ?? name;
  const isDifference = () => state.view === "difference";
  /* Tokens of the response shown: none where two responses are compared. */
  const answer = () => {
    if (isDifference() && !shared()) return [];
    return prompt.responses[author(state.view)];
  };

  const live = h("p", { class: "ex-say", role: "status", "aria-live": "polite" });
  const say = (text) => {
    live.textContent = text;
  };
  const scores = h("div", { class: "ex-scores" });
  const average = h("p", { class: "ex-note" });
  const promptRow = h("div", { class: "ex-tokens", role: "group", "aria-label": "Prompt tokens" });
  const responseRow = h("div", { class: "ex-tokens", role: "group", "aria-label": "Response tokens" });
  const legend = h("p", { class: "ex-legend" });
  const canvas = h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Heat map" });
  const tableBox = h("div", {});
  const responseTitle = h("p", { class: "ex-note" });

  const compute = () => {
    for (const name of NAMES) found[name] = explain(reading(prompt, name, author(name)), prompt, state);
  };
  /* S of the response shown as a share of L; its difference, tuned minus base, where both read it. */
  const cell = (n, m) => {
    const at = n * answer().length + m;
    return (isDifference() ? found.tuned.S[at] - found.base.S[at] : found[state.view].S[at]) / state.L;
  };

  /* What tints each prompt token now, from 0 to 1 (-1 to 1 for the difference). */
  const promptTint = () => {
    if (state.side === "response") return prompt.tokens.map((_, n) => cell(n, state.pick));
    if (isDifference()) return Array.from(found.tuned.r, (value, n) => value - found.base.r[n]);
    return Array.from(found[state.view].r);
  };
  const responseTint = () => {
    if (state.side === "prompt") return answer().map((_, m) => cell(state.pick, m));
    return answer().map((_, m) => (state.pick === m && !isDifference() ? 0.35 : 0));
  };

  const take = (side, pick, held) => {
    Object.assign(state, { side, pick, held });
    paint();
    describe();
  };
  const isPicked = (side, index) => state.side === side && state.pick === index;
  /* Pointing and focus pick a token, a click holds it until the next, a second click or Escape. */
  const hold = (side, index) => (isPicked(side, index) && state.held ? take(null, null, false) : take(side, index, true));
  const point = (index) => { if (!state.held) take("response", index, false); };
  const focus = (index) => { if (!isPicked("response", index)) take("response", index, false); };
  const release = (event) => { if (event.key === "Escape" && state.side !== null) take(null, null, false); };

  const describe = () => {
    if (state.side === null) return say("");
    const sign = (v) => (isDifference() && v > 0 ? `+${v}` : String(v).replace("-", "−"));
    const order = (list, value) =>
      list.map((token, k) => [Math.round(state.L * value(k)), token]).filter(([v]) => v).sort((x, y) => Math.abs(y[0]) - Math.abs(x[0]))
        .slice(0, 5).map(([v, token]) => `“${shown(token).trim()}” ${sign(v)}`).join(", ") || "nothing above the threshold";
    const what = isDifference() ? " (S, tuned minus base)" : "";
    const name = (token) => `“${shown(token).trim()}”`;
    if (state.side === "response") return say(`${name(answer()[state.pick])} rests on${what}: ${order(prompt.tokens, (n) => cell(n, state.pick))}.`);
    const token = name(prompt.tokens[state.pick]);
    if (isDifference() && !shared()) return say(`${token}: density ${NAMES.map((model) => `${fixed(found[model].r[state.pick])} ${model}`).join(", ")}.`);
    return say(`${token} feeds${what}: ${order(answer(), (m) => cell(state.pick, m))}.`);
  };

  /* Arrow keys walk along a row of tokens; one of them is in the tab order. */
  const walk = (row) => (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    const tokens = [...row.querySelectorAll("button")];
    const now = tokens.indexOf(document.activeElement);
    const next = event.key === "Home" ? 0 : event.key === "End" ? tokens.length - 1 : now + (step ?? NaN);
    if (!tokens[next]) return;
    event.preventDefault();
    tokens.forEach((token, k) => (token.tabIndex = k === next ? 0 : -1));
    tokens[next].focus();
  };
  promptRow.addEventListener("keydown", walk(promptRow));
  responseRow.addEventListener("keydown", walk(responseRow));

  const chip = (token, side, index, roleName) => {
    const button = h("button", {
      type: "button",
      class: `ex-token ${roleName}`,
      tabindex: index === 0 ? "0" : "-1",
      "aria-pressed": "false",
      dir: "auto",
      onclick: () => hold(side, index),
      ...(side === "response" && { onfocus: () => focus(index), onmouseenter: () => point(index) }),
    }, shown(token));
    return button;
  };

  const fillRow = (row, tokens, side, roles) => {
    const parts = tokens.flatMap((token, k) => {
      const button = chip(token, side, k, roles ? ROLES[roles[k]] : "response");
      return token.includes("\n") ? [button, h("span", { class: "ex-break" })] : [button];
    });
    row.replaceChildren(...parts);
  };

  const paintRow = (row, tints, colour, label) => {
    [...row.querySelectorAll("button")].forEach((button, k) => {
      const t = tints[k] ?? 0;
      const parts = colour(t);
      button.style.background = t ? rgb(parts) : "transparent";
      button.style.color = t ? inkOn(parts) : "";
      button.setAttribute("aria-label", label(k, t));
      button.setAttribute("aria-pressed", String(isPicked(row === promptRow ? "prompt" : "response", k)));
    });
  };

  const picture = () => {
    const bars = isDifference() && !shared();
    const tokens = bars ? ["tuned − base"] : answer();
    const clip = (text) => (shown(text).length > 16 ? `${shown(text).slice(0, 15)}…` : shown(text));
    const longest = Math.max(0, ...tokens.map((token) => clip(token).length));
    const [size, left, top] = [16, 130, bars ? 24 : 18 + 5 * longest];
    const width = left + Math.max(1, tokens.length) * (bars ? 120 : size) + 48;
    const height = top + prompt.tokens.length * size + 6;
    const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
    const label = (text, props) => svg("text", { fill: ink, "font-size": 11, "font-family": "sans-serif", ...props }, text);
    const parts = prompt.tokens.map((token, n) =>
      label(clip(token), { x: left - 6, y: top + n * size + 12, "text-anchor": "end", "font-weight": prompt.r[n] === "i" ? 700 : 400, "text-decoration": prompt.r[n] === "i" ? "underline" : null }),
    );
    tokens.forEach((token, m) =>
      parts.push(label(clip(token), bars ? { x: left, y: top - 8 } : { transform: `translate(${left + m * size + 12} ${top - 6}) rotate(-60)` })),
    );
    const frame = isDark() ? "#3a424d" : "#e3e3e3";
    if (bars) {
      found.tuned.r.forEach((value, n) => {
        const [t, middle] = [value - found.base.r[n], left + 60];
        parts.push(svg("rect", { x: t < 0 ? middle + 58 * t : middle, y: top + n * size + 2, width: Math.abs(58 * t), height: size - 4, fill: diverge(Math.sign(t)) }));
      });
      parts.push(svg("line", { x1: left + 60, x2: left + 60, y1: top, y2: height - 4, stroke: ink }));
    } else {
      const colour = isDifference() ? diverge : shade;
      prompt.tokens.forEach((_, n) => tokens.forEach((_, m) =>
        parts.push(svg("rect", { x: left + m * size, y: top + n * size, width: size - 1, height: size - 1, fill: colour(cell(n, m)), stroke: frame, "stroke-width": 0.5 }))));
    }
    const what = isDifference() ? "tuned minus base" : `${state.view} model`;
    const name = bars ? "Difference of density, tuned minus base, per prompt token" : `Normalised importance, ${what}${shared() ? `, on the ${shared()} model's response` : ""}: prompt tokens by response tokens`;
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts);
  };

  const rows = () => {
    const head = ["prompt token", "role", "density base", "density tuned"];
    const body = prompt.tokens.map((token, n) => {
      const cells = [token, ROLES[prompt.r[n]], fixed(found.base.r[n]), fixed(found.tuned.r[n])];
      return [...cells, ...answer().map((_, m) => Math.round(state.L * cell(n, m)))];
    });
    const what = isDifference() ? "S, tuned − base" : "S";
    return [[...head, ...answer().map((token) => `${what}: ${token}`)], ...body];
  };

  const fillTable = () => {
    const [head, ...body] = rows();
    const cell = (tag) => (text) => h(tag, tag === "th" ? { scope: "col" } : {}, shown(String(text)));
    const wanted = body.map((row) => h("tr", {}, row.slice(0, 4).map(cell("td"))));
    tableBox.replaceChildren(
      h("table", {}, h("thead", {}, h("tr", {}, head.slice(0, 4).map(cell("th")))), h("tbody", {}, wanted)),
    );
  };

  const fillLegend = () => {
    const box = (colour) => Object.assign(h("i", { "aria-hidden": "true" }), { style: `background:${colour}` });
    const boxes = isDifference() ? [-1, -0.5, 0, 0.5, 1].map((t) => box(diverge(t))) : [0, 0.25, 0.5, 0.75, 1].map((t) => box(shade(t)));
    const ends = isDifference() ? ["base higher", "tuned higher"]
      : state.side ? ["S = 0", `S = ${state.L}`] : ["density 0", "density 1 (the prompt's largest)"];
    legend.replaceChildren(ends[0], ...boxes, ends[1], " · instruction tokens are underlined");
  };

  const fillScores = () => {
    const part = (name) => {
      const followed = prompt.f[author(name)];
      const kept = followed === null ? "no rule" : followed ? "followed" : "not followed";
      return h("span", {}, `${name}: `, h("b", { "data-score": name }, fixed(found[name].score)), ` (${found[name].columns} tokens, ${kept})`);
    };
    const title = shared() ? `Instruction score on the ${shared()} model's response` : "Instruction score";
    scores.replaceChildren(h("span", {}, title), ...NAMES.map(part));
  };

  /* The mean of both scores over the book's prompts at this setting: once a setting, in short pieces. */
  const means = new Map();
  const run = pieces();
  const showMean = ({ n, base, tuned }) =>
    average.replaceChildren(`Mean over ${n} prompts: base `, h("b", { "data-mean": "base" }, fixed(base)), ", tuned ", h("b", { "data-mean": "tuned" }, fixed(tuned)));
  const fillMean = () => {
    const one = shared();
    const [setting, key] = [{ L: state.L, b: state.b, p: state.p }, [state.L, state.b, state.p, one].join("/")];
    const among = items.filter((item) => item.kind !== "own" && (item.crossed || !one));
    const pairs = [];
    const piece = (k) => {
      const pair = NAMES.map((name) => explain(reading(among[k], name, one ?? name), among[k], setting).score);
      if (pair.every(Number.isFinite)) pairs.push(pair);
    };
    run(means.has(key) ? 0 : among.length, piece, () => {
      if (!means.has(key)) means.set(key, { n: pairs.length, base: mean(pairs.map(([base]) => base)), tuned: mean(pairs.map(([, tuned]) => tuned)) });
      showMean(means.get(key));
    });
  };

  const paint = () => {
    const colour = isDifference() ? divergeParts : shadeParts;
    const level = (t) => (isDifference() ? `difference of S ${Math.round(t * state.L)}` : `S ${Math.round(t * state.L)}`);
    const worth = (t) => (state.side === "response" ? level(t) : `${isDifference() ? "difference of density" : "density"} ${fixed(t)}`);
    paintRow(promptRow, promptTint(), colour, (n, t) => `${shown(prompt.tokens[n])}, ${ROLES[prompt.r[n]]}, ${worth(t)}`);
    paintRow(responseRow, responseTint(), colour, (m, t) =>
      `${shown(answer()[m])}, response token ${m + 1} of ${answer().length}${state.side === "prompt" ? `, ${level(t)}` : ""}`);
    fillLegend();
  };

  const recompute = () => {
    compute();
    fillScores();
    fillMean();
    paint();
    canvas.replaceChildren(picture());
    fillTable();
    describe();
    link.put({ prompt: state.id, kind: state.kind, place: state.place, model: state.view, response: state.response, L: state.L, b: state.b, p: state.p });
  };

  const title = () => {
    if (isDifference() && !shared()) return "Each model is explained on its own response; the tint of the prompt is tuned minus base.";
    const whose = author(state.view);
    if (!answer().length) return `The ${whose} model's response is empty.`;
    const reader = isDifference() ? ", read by both models (tints: tuned minus base)" : whose === state.view ? "" : `, read by the ${state.view} model`;
    return `Response of the ${whose} model${reader}: point at a token to see what it rests on, click to hold it; click a prompt token for the reverse; Escape releases.`;
  };
  const showPrompt = () => {
    Object.assign(state, { side: null, pick: null, held: false });
    responseChoice.refuse(prompt.crossed ? "" : NO_CROSSED);
    fillRow(promptRow, prompt.tokens, "prompt", prompt.r);
    fillRow(responseRow, answer(), "response");
    responseTitle.textContent = title();
    recompute();
  };

  const choose = (id) => {
    state.id = id;
    prompt = open(items.find((item) => item.id === id));
    showPrompt();
  };
  const promptSelect = select("Prompt", choices(), state.id, choose);
  const refilter = () => {
    const left = choices();
    if (!left.length) return say("No prompt is of this kind and place.");
    const id = left.some(([key]) => key === state.id) ? state.id : left[0][0];
    promptSelect.fill(left, id);
    return choose(id);
  };
  const move = (key) => (value) => {
    state[key] = value;
    recompute();
  };
  const moveL = (value) => {
    state.L = value;
    const lowered = thresholdSlider.limit(value - 1) < state.b;
    if (lowered) state.b = value - 1;
    recompute();
    if (lowered) say(`b is lowered to ${state.b}: it must be below L.`);
  };
  const responseChoice = choice("Response of", RESPONSES, state.response, (value) => { state.response = value; showPrompt(); });
  responseChoice.hidden = !items.some((item) => item.crossed);
  const thresholdSlider = slider("b, threshold", { min: 0, max: state.L - 1, step: 1, value: state.b }, move("b"));
  const filters = [["kind", "Kind"], ["place", "Instruction stands"]].map(([key, label]) =>
    select(label, distinct(key), state[key], (value) => { state[key] = value; refilter(); }));
  const controls = [
    h("div", { class: "ex-row" },
      ...filters, promptSelect),
    h("div", { class: "ex-row" },
      choice("Model", MODELS, state.view, (value) => { state.view = value; showPrompt(); }),
      responseChoice),
    h("div", { class: "ex-row" },
      slider("L, levels", { min: 2, max: 20, step: 1, value: state.L }, moveL),
      thresholdSlider,
      slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, move("p"))),
  ];

  /* With a kernel the reader's own prompt is run; the published page has none. */
  const own = () => {
    if (model.static) {
      return h("p", { class: "ex-note" }, "To explain a prompt of your own, open chapter 1 as a notebook (the rocket at the top of its page).");
    }
    const text = h("textarea", { placeholder: "A prompt of your own" });
    const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Progress" });
    const run = h("button", { type: "button", onclick: () => {
      if (!text.value.trim()) return say("Write a prompt first.");
      bar.hidden = false;
      model.send({ type: "run", text: text.value });
      return undefined;
    } }, "Run both models");
    model.on("change:progress", () => { bar.value = model.get("progress"); bar.hidden = bar.value >= 1; });
    model.on("change:problem", () => { say(model.get("problem")); bar.hidden = true; });
    return h("div", {}, labelled("Your own prompt (all of it counts as instruction)", text), h("div", { class: "ex-row" }, run, bar));
  };
  const reload = async () => {
    ({ items, open, reading } = await unpacker(model.get("data")));
    state.kind = state.place = "all";
    filters.forEach(({ control }) => { control.value = "all"; });
    const last = items.at(-1).id;
    promptSelect.fill(choices(), last);
    choose(last);
  };
  model.on("change:data", reload);

  el.append(
    h("section", { class: "ex ex-saliency", "aria-label": "Explorer: which prompt tokens a response rests on", onkeydown: release },
      h("p", {}, "Every token of the prompt is tinted by its importance density: how many tokens of the response rest on it. Try another prompt, compare the models, and see what moves the score."),
      ...controls,
      scores,
      average,
      legend,
      promptRow,
      responseTitle,
      responseRow,
      live,
      canvas,
      exporter("saliency", { rows, picture: () => canvas.querySelector("svg"), say, link }),
      h("details", {}, h("summary", {}, "The same as a table"), tableBox),
      own(),
    ),
  );
  showPrompt();
  arrive("saliency", el);
  const stop = onTheme(recompute);
  return () => {
    stop();
    model.off("change:data", reload);
  };
};

export default { render };
