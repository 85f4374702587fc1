/* Chapter 1's explorer: which prompt tokens does a response rest on?
 *
 * The page holds the importance of every prompt, as shares of each column's maximum; S, density and score are computed here,
 * exactly as in the glossary, whenever L, b or p move.
 */
const ROLES = { i: "instruction", c: "context", x: "input", q: "cue", t: "template" };
const MODELS = [["base", "Base"], ["tuned", "Tuned"], ["difference", "Difference"]];

/* S[n][m] = ceil(L max(0, I) / column maximum), entries of at most b become 0. Row by row. */
const normalise = (I, rows, columns, L, b) => {
  const S = new Float64Array(rows * columns);
  for (let m = 0; m < columns; m += 1) {
    let most = 0;
    for (let n = 0; n < rows; n += 1) most = Math.max(most, I[n * columns + m]);
    if (most <= 0) continue;
    for (let n = 0; n < rows; n += 1) {
      const value = Math.ceil(L * (Math.max(0, I[n * columns + m]) / most));
      S[n * columns + m] = value > b ? value : 0;
    }
  }
  return S;
};

/* a[n] = sum of a row over its p-norm; 0 for an empty row. */
const density = (S, rows, columns, p) =>
  Float64Array.from({ length: rows }, (_, n) => {
    const row = S.subarray(n * columns, (n + 1) * columns);
    const most = Math.max(0, ...row);
    if (!most) return 0;
    let total = 0;
    let powers = 0;
    for (const value of row) {
      total += value / most;
      powers += (value / most) ** p;
    }
    return total / powers ** (1 / p);
  });

const relative = (a) => {
  const most = Math.max(0, ...a);
  return most ? a.map((value) => value / most) : a;
};

const scoreOf = (a, roles) => {
  const marked = [...roles].map((role) => role === "i");
  const count = marked.filter(Boolean).length;
  if (!count) return NaN;
  const total = relative(a).reduce((sum, value, n) => sum + (marked[n] ? value : 0), 0);
  return total / Math.log2(2 + count);
};

const shown = (token) => token.replaceAll("\n", "⏎").replaceAll("\t", "⇥") || "∅";
const fixed = (value) => (Number.isFinite(value) ? value.toFixed(2) : "–");

/* One prompt of the packed data, with both models' matrices. */
const unpacker = (model) => {
  const data = model.get("data");
  const shares = shares16(data.shares);
  let at = 0;
  const items = data.items.map((item) => {
    const start = {};
    for (const name of ["base", "tuned"]) {
      start[name] = at;
      at += item.t.length * item.m[name].length;
    }
    return { ...item, start };
  });
  const text = (numbers) => numbers.map((n) => data.words[n]);
  const open = (item) => {
    const models = {};
    for (const name of ["base", "tuned"]) {
      const [first, columns] = [item.start[name], item.m[name].length];
      const I = shares.subarray(first, first + item.t.length * columns);
      models[name] = { I, columns, tokens: text(item.m[name]), followed: item.f[name] };
    }
    return { ...item, tokens: text(item.t), models };
  };
  return { items, open };
};

/* Begin where tuning shows: followed by the tuned model alone, with the longest response. */
const opening = (items) => items
  .filter((item) => item.f.tuned && !item.f.base)
  .reduce((best, item) => (item.m.tuned.length > (best?.m.tuned.length ?? 0) ? item : best), null) ?? items[0];

const render = ({ model, el }) => {
  const link = fragment("saliency");
  let { items, open } = unpacker(model);
  const bounded = (key, low, high, fallback) => {
    const value = Number(link.get(key, fallback));
    return Number.isFinite(value) && value >= low && value <= high ? value : fallback;
  };
  const state = {
    id: link.get("prompt", opening(items).id),
    view: MODELS.some(([key]) => key === link.get("model")) ? link.get("model") : "tuned",
    L: bounded("L", 2, 20, 10),
    b: bounded("b", 0, 9, 7),
    p: bounded("p", 1, 8, 4),
    kind: "all",
    place: "all",
    side: null, // "response" or "prompt": what is picked
    pick: null,
  };
  if (!items.some((item) => item.id === state.id)) state.id = opening(items).id;
  let prompt = open(items.find((item) => item.id === state.id));
  let found = {};

  const live = h("p", { class: "ex-say", role: "status", "aria-live": "polite" });
  const say = (text) => {
    live.textContent = text;
  };
  const scores = h("div", { class: "ex-scores" });
  const promptRow = h("div", { class: "ex-tokens", role: "group", "aria-label": "Prompt tokens" });
  const responseRow = h("div", { class: "ex-tokens", role: "group", "aria-label": "Response tokens" });
  const legend = h("p", { class: "ex-legend" });
  const canvas = h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Heat map" });
  const tableBox = h("div", {});
  const responseTitle = h("p", { class: "ex-note" });

  const compute = () => {
    for (const name of ["base", "tuned"]) {
      const { I, columns } = prompt.models[name];
      const S = normalise(I, prompt.tokens.length, columns, state.L, state.b);
      const a = density(S, prompt.tokens.length, columns, state.p);
      found[name] = { S, a, r: relative(a), score: columns ? scoreOf(a, prompt.r) : NaN };
    }
  };

  /* What tints each prompt token now, from 0 to 1 (-1 to 1 for the difference). */
  const promptTint = () => {
    if (state.view === "difference") {
      return Array.from(found.tuned.r, (value, n) => value - found.base.r[n]);
    }
    const { S, r } = found[state.view];
    const { columns } = prompt.models[state.view];
    if (state.side === "response") {
      return prompt.tokens.map((_, n) => S[n * columns + state.pick] / state.L);
    }
    return Array.from(r);
  };
  const responseTint = () => {
    if (state.view === "difference") return [];
    const { S } = found[state.view];
    const { columns, tokens } = prompt.models[state.view];
    return tokens.map((_, m) =>
      state.side === "prompt" ? S[state.pick * columns + m] / state.L : state.pick === m && state.side === "response" ? 0.35 : 0,
    );
  };

  const pick = (side, index, toggle) => {
    const same = state.side === side && state.pick === index;
    if (same && !toggle) return;
    [state.side, state.pick] = same ? [null, null] : [side, index];
    paint();
    describe();
  };

  const describe = () => {
    if (state.side === null) return say("");
    const { S } = found[state.view === "difference" ? "tuned" : state.view];
    const { columns, tokens } = prompt.models[state.view === "difference" ? "tuned" : state.view];
    const order = (list, value) =>
      list.map((token, k) => [value(k), token]).filter(([v]) => v > 0).sort((x, y) => y[0] - x[0]).slice(0, 5)
        .map(([v, token]) => `“${shown(token).trim()}” ${v}`).join(", ") || "nothing above the threshold";
    if (state.side === "response") {
      say(`“${shown(tokens[state.pick]).trim()}” rests on: ${order(prompt.tokens, (n) => S[n * columns + state.pick])}.`);
    } else {
      say(`“${shown(prompt.tokens[state.pick]).trim()}” feeds: ${order(tokens, (m) => S[state.pick * columns + m])}.`);
    }
    return undefined;
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
      onclick: () => pick(side, index, true),
      onfocus: side === "response" ? () => pick(side, index, false) : null,
      onmouseenter: side === "response" ? () => pick(side, index, false) : null,
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
      const on = state.pick === k && row === (state.side === "prompt" ? promptRow : state.side ? responseRow : null);
      button.setAttribute("aria-pressed", String(on));
    });
  };

  const picture = () => {
    const difference = state.view === "difference";
    const tokens = difference ? ["tuned − base"] : prompt.models[state.view].tokens;
    const [cell, left, top] = [16, 130, 92];
    const width = left + Math.max(1, tokens.length) * (difference ? 120 : cell) + 48;
    const height = top + prompt.tokens.length * cell + 6;
    const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
    const label = (text, props) => svg("text", { fill: ink, "font-size": 11, "font-family": "sans-serif", ...props }, text);
    const clip = (text) => (shown(text).length > 16 ? `${shown(text).slice(0, 15)}…` : shown(text));
    const parts = prompt.tokens.map((token, n) =>
      label(clip(token), { x: left - 6, y: top + n * cell + 12, "text-anchor": "end", "font-weight": prompt.r[n] === "i" ? 700 : 400, "text-decoration": prompt.r[n] === "i" ? "underline" : null }),
    );
    tokens.forEach((token, m) =>
      parts.push(label(clip(token), difference ? { x: left, y: top - 8 } : { transform: `translate(${left + m * cell + 12} ${top - 6}) rotate(-60)` })),
    );
    const frame = isDark() ? "#3a424d" : "#e3e3e3";
    if (difference) {
      promptTint().forEach((t, n) => {
        const middle = left + 60;
        parts.push(svg("rect", { x: t < 0 ? middle + 58 * t : middle, y: top + n * cell + 2, width: Math.abs(58 * t), height: cell - 4, fill: diverge(Math.sign(t)) }));
      });
      parts.push(svg("line", { x1: left + 60, x2: left + 60, y1: top, y2: height - 4, stroke: ink }));
    } else {
      const { S } = found[state.view];
      const columns = tokens.length;
      for (let k = 0; k < S.length; k += 1) {
        const [n, m] = [Math.floor(k / columns), k % columns];
        parts.push(svg("rect", { x: left + m * cell, y: top + n * cell, width: cell - 1, height: cell - 1, fill: S[k] ? shade(S[k] / state.L) : rgb(paper()), stroke: frame, "stroke-width": 0.5 }));
      }
    }
    const name = difference ? "Difference of density, tuned minus base, per prompt token" : `Normalised importance, ${state.view} model: prompt tokens by response tokens`;
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name }, parts);
  };

  const rows = () => {
    const difference = state.view === "difference";
    const head = ["prompt token", "role", "density base", "density tuned"];
    const tokens = difference ? [] : prompt.models[state.view].tokens;
    const body = prompt.tokens.map((token, n) => {
      const cells = [token, ROLES[prompt.r[n]], fixed(found.base.r[n]), fixed(found.tuned.r[n])];
      return [...cells, ...tokens.map((_, m) => found[state.view].S[n * tokens.length + m])];
    });
    return [[...head, ...tokens.map((token) => `S: ${token}`)], ...body];
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
    const steps = [0, 0.25, 0.5, 0.75, 1];
    const box = (colour) => Object.assign(h("i", { "aria-hidden": "true" }), { style: `background:${colour}` });
    const boxes = state.view === "difference" ? [-1, -0.5, 0, 0.5, 1].map((t) => box(diverge(t))) : steps.map((t) => box(shade(t)));
    const ends = state.view === "difference" ? ["base higher", "tuned higher"]
      : state.side ? ["S = 0", `S = ${state.L}`] : ["density 0", "density 1 (the prompt's largest)"];
    legend.replaceChildren(ends[0], ...boxes, ends[1], " · instruction tokens are underlined");
  };

  const fillScores = () => {
    const part = (name, text) => {
      const { followed, columns } = prompt.models[name];
      const kept = followed === null ? "no rule" : followed ? "followed" : "not followed";
      return h("span", {}, `${text}: `, h("b", { "data-score": name }, fixed(found[name].score)), ` (${columns} tokens, ${kept})`);
    };
    scores.replaceChildren(h("span", {}, "Instruction score"), part("base", "base"), part("tuned", "tuned"));
  };

  const paint = () => {
    const difference = state.view === "difference";
    const tints = promptTint();
    const what = difference ? "difference of density" : state.side === "response" ? "S" : "density";
    paintRow(promptRow, tints, difference ? divergeParts : shadeParts, (n, t) =>
      `${shown(prompt.tokens[n])}, ${ROLES[prompt.r[n]]}, ${what} ${what === "S" ? Math.round(t * state.L) : fixed(t)}`);
    if (!difference) {
      const tokens = prompt.models[state.view].tokens;
      paintRow(responseRow, responseTint(), shadeParts, (m) => `${shown(tokens[m])}, response token ${m + 1} of ${tokens.length}`);
    }
    fillLegend();
  };

  const recompute = () => {
    compute();
    fillScores();
    paint();
    canvas.replaceChildren(picture());
    fillTable();
    describe();
    link.put({ prompt: state.id, model: state.view, L: state.L, b: state.b, p: state.p });
  };

  const showPrompt = () => {
    [state.side, state.pick] = [null, null];
    fillRow(promptRow, prompt.tokens, "prompt", prompt.r);
    const difference = state.view === "difference";
    fillRow(responseRow, difference ? [] : prompt.models[state.view].tokens, "response");
    const empty = !difference && !prompt.models[state.view].columns;
    responseTitle.textContent = difference
      ? "Each model is explained on its own response; the tint of the prompt is tuned minus base."
      : empty ? `The ${state.view} model's response is empty.`
      : `Response of the ${state.view} model: point at a token to see what it rests on; click a prompt token for the reverse.`;
    recompute();
  };

  const choices = () =>
    items
      .filter((item) => state.kind === "all" || item.kind === state.kind)
      .filter((item) => state.place === "all" || item.place === state.place)
      .map((item) => [item.id, item.id]);
  const distinct = (key) => [["all", "all"], ...[...new Set(items.map((item) => item[key]))].map((v) => [v, v])];
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
    if (id !== state.id) choose(id);
    return undefined;
  };
  const move = (key) => (value) => {
    state[key] = value;
    recompute();
  };
  const controls = [
    h("div", { class: "ex-row" },
      select("Kind", distinct("kind"), "all", (value) => { state.kind = value; refilter(); }),
      select("Instruction stands", distinct("place"), "all", (value) => { state.place = value; refilter(); }),
      promptSelect,
      choice("Model", MODELS, state.view, (value) => { state.view = value; showPrompt(); }),
    ),
    h("div", { class: "ex-row" },
      slider("L, levels", { min: 2, max: 20, step: 1, value: state.L }, move("L")),
      slider("b, threshold", { min: 0, max: 9, step: 1, value: state.b }, move("b")),
      slider("p, norm", { min: 1, max: 8, step: 0.5, value: state.p }, move("p")),
    ),
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
  const reload = () => {
    ({ items, open } = unpacker(model));
    state.kind = state.place = "all";
    const last = items.at(-1).id;
    promptSelect.fill(choices(), last);
    choose(last);
  };
  model.on("change:data", reload);

  el.append(
    h("section", { class: "ex ex-saliency", "aria-label": "Explorer: which prompt tokens a response rests on" },
      h("p", {}, "Every token of the prompt is tinted by its importance density: how many tokens of the response rest on it. Try another prompt, compare the models, and see what moves the score."),
      ...controls,
      scores,
      legend,
      promptRow,
      responseTitle,
      responseRow,
      live,
      canvas,
      exporter("saliency", { rows, picture: () => canvas.querySelector("svg"), say }),
      h("details", {}, h("summary", {}, "The same as a table"), tableBox),
      own(),
    ),
  );
  showPrompt();
  const stop = onTheme(recompute);
  return () => {
    stop();
    model.off("change:data", reload);
  };
};

export default { render };
