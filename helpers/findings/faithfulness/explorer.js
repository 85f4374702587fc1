/* The faithfulness chapter's explorer: a prompt tinted by an estimate of importance, or by erasure.
 *
 * Both models read one response. A matrix is held in whole steps of its largest magnitude; tint and rank
 * agreement are of the response token that is picked, or of their sum.
 */
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const MODELS = ["base", "tuned"];
const EXACT = "erasure";
const SAID = { gradient: "gradient", erasure: "exact erasure", "erasure to the mean": "erasure to the mean embedding", "norms held fixed": "norms held fixed", "integrated gradients": "integrated gradients" };

const ranked = (values) => {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]);
  const ranks = new Float64Array(values.length);
  for (let k = 0; k < order.length;) {
    let end = k;
    while (end + 1 < order.length && values[order[end + 1]] === values[order[k]]) end += 1;
    for (let j = k; j <= end; j += 1) ranks[order[j]] = (k + end) / 2;
    k = end + 1;
  }
  return ranks;
};
const correlation = (a, b) => {
  const [x, y] = [ranked(a), ranked(b)].map((ranks) => { const middle = mean([...ranks]); return ranks.map((r) => r - middle); });
  const dot = (u, v) => u.reduce((sum, value, k) => sum + value * v[k], 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
};
const signed = (value) => (Number.isFinite(value) ? `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}` : "none");

const render = async ({ model, el }) => {
  const { items: text, matrices: packed, opening } = model.get("data");
  const [{ items, words, texts }, levels] = await Promise.all([inflateJson(text), inflate(packed, Int8Array)]);
  const compact = model.get("compact");
  const link = fragment(compact ? "tint" : "tints");
  let start = 0;
  items.forEach((item, k) => {
    const size = item.shape[0] * item.shape[1];
    item.start = start;
    start += MODELS.length * item.names.length * size;
    [item.tokens, item.response] = [texts[2 * k], texts[2 * k + 1]].map((numbers) => numbers.map((n) => words[n]));
    item.text = shown(item.tokens.filter((_, n) => item.roles[n] !== "t").join("").replace(/\s+/g, " ").trim());
  });
  const short = (item) => (item.text.length > 60 ? `${item.text.slice(0, 58)}…` : item.text);
  const choices = items.map((item) => [item.id, `${short(item)} · ${item.id}`]);
  const state = { prompt: link.known("prompt", choices, opening), by: link.known("by", Object.entries(SAID)) };
  let [item, at] = [null, null];
  const [live, say] = status();
  const sides = h("div", { class: "ex-sides" });
  const answer = h("div", { class: "ex-tokens", role: "group", "aria-label": "Response tokens" });
  const legend = h("p", { class: "ex-legend" });
  let panels = [];

  /* Importance of every prompt token by one estimate: for a response token, or added up. */
  const values = (one, m, name, token = at) => {
    const [rows, columns] = one.shape;
    const from = one.start + (m * one.names.length + one.names.indexOf(name)) * rows * columns;
    return Float64Array.from({ length: rows }, (_, n) => {
      const row = levels.subarray(from + n * columns, from + (n + 1) * columns);
      return token === null ? row.reduce((sum, value) => sum + value, 0) : row[token];
    });
  };
  const named = () => (item.names.includes(state.by) ? state.by : "gradient");
  const rho = (one, m, name, token = at) => correlation(values(one, m, name, token), values(one, m, EXACT, token));
  const best = (numbers) => partsOf(item.tokens)[numbers.indexOf(Math.max(...numbers))].name.trim();

  const paint = () => {
    const name = named();
    for (const { m, row, note } of panels) {
      const numbers = values(item, m, name);
      const most = largest([...numbers].map(Math.abs), 1);
      row.paint([...numbers].map((value) => value / most), divergeParts, (chip, n, t) => { chip.title = `${ROLES[item.roles[n]]}, ${signed(t)} of the largest`; });
      note.textContent = name === EXACT ? `It matters most, exactly: “${best(numbers)}”.` : `It names first “${best(numbers)}”; erasure “${best(values(item, m, EXACT))}”. Rank agreement with erasure: ${signed(rho(item, m, name))} (1 is full).`;
    }
    [...answer.children].forEach((chip, k) => chip.setAttribute?.("aria-pressed", String(k === at)));
    legend.replaceChildren("less likely without it", ...[0.3, 0.65, 1].map((t) => swatch(divergeParts(t))), "· more likely without it", ...[-0.3, -0.65, -1].map((t) => swatch(divergeParts(t))), "· the instruction is underlined");
    link.put({ ...(compact ? {} : { prompt: state.prompt }), by: state.by });
  };
  const describe = () => say(`${SAID[named()]}${at === null ? "" : `, for “${shown(item.response[at])}”`}. ${panels.map(({ m, note }) => `${MODELS[m]}: ${note.textContent}`).join(" ")}`);
  const pick = (k) => { at = at === k ? null : k; paint(); describe(); };
  const switched = choice("Tint by", items[0].names.map((name) => [name, SAID[name]]), state.by, (next) => { state.by = next; paint(); describe(); drawDots(); });
  const open = (id) => {
    [item, at] = [items.find((one) => one.id === id), null];
    state.prompt = id;
    if (list) list.control.value = id;
    const parts = partsOf(item.tokens);
    panels = MODELS.map((name, m) => ({ m, name, row: tokenRow(item.tokens, parts, (n) => ROLES[item.roles[n]]), note: h("p", { class: "ex-note" }) }));
    sides.replaceChildren(...panels.map(({ name, row, note }) => h("section", { "aria-label": `${name} model` }, h("p", {}, h("b", {}, `${name === "base" ? "Base" : "Tuned"} model`)), row.row, note)));
    answer.replaceChildren(...partsOf(item.response).map(({ text: own, name }, k) => h("button", { type: "button", class: "ex-token", "aria-pressed": "false", "aria-label": `Response token ${name}`, onclick: () => pick(k) }, own)));
    paint();
    drawDots();
  };
  const list = compact ? null : select("Prompt", choices, state.prompt, open);
  const dots = compact ? null : dotStrip("Agreement with erasure, tuned model", ["ranks the other way round", "ranks alike"], open);
  const drawDots = () => {
    if (!dots) return;
    const name = named() === EXACT ? "gradient" : named();
    const points = items.filter((one) => one.names.includes(name)).map((one) => ({ key: one.id, value: rho(one, 1, name, null), text: short(one) }));
    dots.draw(points.filter(({ value }) => Number.isFinite(value)), state.prompt);
  };
  const rows = () => [["token", "role", ...MODELS.flatMap((name) => item.names.map((by) => `${by}, ${name}`))],
    ...partsOf(item.tokens).map((part, n) => [part.name, ROLES[item.roles[n]], ...MODELS.flatMap((_, m) => item.names.map((by) => values(item, m, by)[n]))])];
  const save = h("div", { class: "ex-export", role: "group", "aria-label": "Save what is shown" },
    h("button", { type: "button", onclick: () => download("tints.csv", new Blob([csv(rows())], { type: "text/csv" })) }, "CSV"));
  el.append(h("section", { class: "ex", "aria-label": compact ? "Explorer: one prompt, two tints" : "Explorer: every prompt, every tint" },
    h("div", { class: "ex-row" }, switched, list), dots && dots.box, dots && dots.under, sides,
    h("p", { class: "ex-note" }, "The response that both read (its first tokens). Pick one to tint by it alone."), answer, legend, h("div", { class: "ex-unseen" }, live),
    compact ? null : save, compact ? null : drawer("The same as a table (127 is the largest)", rows)));
  open(state.prompt);
  arrive(compact ? "tint" : "tints", el);
  return onLook(el, () => { open(state.prompt); });
};

export default { render };
