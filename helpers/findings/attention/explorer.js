/* Chapter 3's explorer: which pairs of words each attention head knows, and what chance changes.
 *
 * A head knows a pair that two or more of its dimensions hold. The map counts, for every head, the
 * pairs that pass the filter; the list names them, with their heads. Under it stand the verbs' own
 * counts: in how many heads the number of their pairs rose and fell with tuning, and with one random
 * update after the other.
 */
const VIEWS = [["change", "Gained less lost"], ["base", "Base"], ["tuned", "Tuned"]];
const KINDS = [["all", "any words"], ["instruction", "an instruction verb"], ["general", "a general verb"]];
const SHOWS = [["changed", "gained and lost"], ["gained", "gained"], ["lost", "lost"], ["kept", "kept"], ["all", "all"]];
const MARKS = ["", "\u25b2", "\u25b3"];
const SIGNS = { gained: "+ gained", lost: "\u2212 lost", kept: "kept" };
const LEAST = 2;
const MOST_ROWS = 100;
const ROW = 17;
const MARGIN = { left: 62, top: 22, bottom: 4 };
const NAMED = 6;
const format = new Intl.NumberFormat("en-US");
const number = (value) => format.format(value);
const signed = (value) => (value > 0 ? `+${number(value)}` : value < 0 ? `\u2212${number(-value)}` : "0");
const decimal = (value) => (Number.isFinite(value) ? `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}` : "\u2013");
const GRAY = () => (isDark() ? [150, 150, 150] : [120, 120, 120]);

/* Rising numbers from their steps, counted from -1 in every stretch. */
const rising = (steps, counts) => {
  const values = new Uint32Array(steps.length);
  let at = 0;
  for (const count of counts) {
    for (let i = 0, sum = -1; i < count; i += 1, at += 1) values[at] = sum += steps[at];
  }
  return values;
};
const starts = (counts) => counts.reduce((found, count, i) => { found[i + 1] = found[i] + count; return found; }, new Uint32Array(counts.length + 1));

/* Typed views on the packed arrays of one pair. */
const opener = async (data) => {
  const [pairSteps, counts] = await Promise.all([data.pairSteps, data.counts].map((text) => inflate(text, Uint32Array)));
  const [wordClass, similarity, ...n] = await Promise.all([data.wordClass, data.similarity, ...data.held].map((text) => inflate(text)));
  const [words, steps] = [await inflateText(data.words), await inflate(data.known, Uint16Array)];
  const [first, second] = [new Uint16Array(pairSteps.length), new Uint16Array(pairSteps.length)];
  for (let at = 0, code = 0; at < pairSteps.length; at += 1) {
    code += pairSteps[at];
    first[at] = Math.floor(code / words.length);
    second[at] = code % words.length;
  }
  const chance = data.chance && {
    byLayer: await inflate(data.chance.byLayer, Uint16Array), byVerb: await inflate(data.chance.byVerb, Uint16Array),
    verbs: await inflateText(data.chance.verbs), difference: data.chance.difference.map((value) => value ?? NaN),
  };
  return {
    words, wordClass, first, second, similarity, n, chance, note: data.note, heads: counts.length, layers: data.layers,
    perLayer: counts.length / data.layers, start: starts(counts), pair: rising(steps, counts),
    place: new Map(words.map((word, at) => [word, at])),
  };
};
const statusOf = (all, entry) => {
  const [inBase, inTuned] = [all.n[0][entry] >= LEAST, all.n[1][entry] >= LEAST];
  return inBase && inTuned ? "kept" : inTuned ? "gained" : "lost";
};
const spelled = (all, p, marks = false) => [all.first[p], all.second[p]].map((at) => all.words[at] + (marks ? MARKS[all.wordClass[at]] : "")).join(" \u2013 ");
const place = (all, head) => `${Math.floor(head / all.perLayer)}.${head % all.perLayer}`;

/* What tuning changed of the verbs' counts, by layer, beside a random update; a dot for each one seen. */
const chancePanel = (all, { draws, compact }) => {
  const { byLayer, byVerb, verbs, difference } = all.chance;
  const n = difference.length - 1;
  let [at, seen, group, word] = [1, 1, 0, ""];
  const HEIGHT = 124;
  const picture = svg("svg", { height: HEIGHT + 84, role: "img" });
  const box = h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Verbs whose number of pairs rose or fell, by layer" }, picture);
  const told = h("p", { class: "ex-legend", role: "status", "aria-live": "polite" });
  const ofWord = h("p", { class: "ex-note" });
  const cell = (draw, layer, side) => byLayer[((draw * 2 + group) * all.layers + layer) * 2 + side];
  const total = (draw, side) => Array.from({ length: all.layers }, (_, layer) => cell(draw, layer, side)).reduce((a, b) => a + b, 0);
  const ofVerb = (draw, verb) => [0, 1].map((side) => byVerb[(draw * verbs.length + verb) * 2 + side]);
  const text = (words, x, y, anchor = "start") => svg("text", { x, y, "text-anchor": anchor, "font-size": 11, fill: "currentColor" }, words);
  const strip = (width) => {
    const y = HEIGHT + 44;
    const known = difference.filter(Number.isFinite);
    const most = largest(known.map(Math.abs), 0.05);
    const x = (value) => width / 2 + (value / most) * (width / 2 - 90);
    const dots = difference.slice(1, seen + 1).map((value, i) => [value, i + 1]).filter(([value]) => Number.isFinite(value));
    return [
      svg("line", { x1: 0, x2: width, y1: y, y2: y, stroke: "currentColor", opacity: 0.4 }),
      svg("line", { x1: x(0), x2: x(0), y1: y - 18, y2: y + 5, stroke: "currentColor", opacity: 0.4 }),
      ...dots.map(([value, draw]) => svg("circle", { cx: x(value), cy: y - 6 - 5 * (draw % 3), r: draw === at ? 6 : 4, fill: rgb(GRAY()), stroke: draw === at ? "currentColor" : "none" }, svg("title", {}, `random update ${draw}: ${decimal(value)}`))),
      ...(Number.isFinite(difference[0]) ? [svg("path", { d: `M${x(difference[0])} ${y} l-7 14 h14 z`, fill: rgb(MODEL_INK(1)) }), text("tuning", x(difference[0]), y + 27, "middle")] : []),
      text("\u2190 other verbs rise more", 0, y + 14), text("instruction verbs rise more \u2192", width, y + 14, "end"),
    ];
  };
  const show = () => {
    const width = Math.max(280, box.clientWidth || 600);
    const column = (width - 8) / all.layers;
    const most = largest(Array.from({ length: all.layers * 4 }, (_, i) => cell(i % 2 ? at : 0, Math.floor(i / 4), (i >> 1) % 2)), 1);
    const bars = [];
    for (let layer = 0; layer < all.layers; layer += 1) {
      [0, at].forEach((draw, second) => [0, 1].forEach((side) => {
        const tall = (cell(draw, layer, side) / most) * (HEIGHT / 2 - 14);
        bars.push(svg("rect", { x: 4 + layer * column + second * column * 0.42 + column * 0.06, y: side ? HEIGHT / 2 : HEIGHT / 2 - tall, width: column * 0.4, height: tall, fill: rgb(second ? GRAY() : MODEL_INK(1)) }, svg("title", {}, `layer ${layer}, ${second ? `random update ${at}` : "tuning"}: ${side ? "fell" : "rose"} ${cell(draw, layer, side)}`)));
      }));
    }
    picture.setAttribute("width", width);
    picture.replaceChildren(...bars, svg("line", { x1: 0, x2: width, y1: HEIGHT / 2, y2: HEIGHT / 2, stroke: "currentColor", opacity: 0.5 }),
      text("\u2191 more pairs", 2, 11), text("\u2193 fewer pairs", 2, HEIGHT - 3), text("lowest layer", 2, HEIGHT + 14), text("highest layer", width - 2, HEIGHT + 14, "end"), ...strip(width));
    const [rose, fell] = [0, 1].map((side) => total(0, side));
    const [byChance, down] = [0, 1].map((side) => total(at, side));
    told.replaceChildren(h("span", {}, swatch(MODEL_INK(1)), ` Tuning: rose ${number(rose)}, fell ${number(fell)}.`),
      h("span", {}, swatch(GRAY()), ` A random update as large${compact ? "" : ` (${at} of ${n})`}: rose ${number(byChance)}, fell ${number(down)}.`));
    picture.setAttribute("aria-label", `${group ? "General" : "Instruction"} verbs by layer. ${told.textContent} Difference of lift: tuning ${decimal(difference[0])}, this random update ${decimal(difference[at])}.`);
    const verb = verbs.indexOf(word);
    const means = [0, 1].map((side) => mean(Array.from({ length: n }, (_, i) => ofVerb(i + 1, verb)[side])));
    ofWord.hidden = compact || verb < 0;
    if (verb >= 0) ofWord.textContent = `\u201c${word}\u201d: rose in ${ofVerb(0, verb)[0]} heads with tuning and fell in ${ofVerb(0, verb)[1]}; in this random update ${ofVerb(at, verb).join(" and ")}; in all ${n}, ${means.map((value) => value.toFixed(1)).join(" and ")} on average.`;
  };
  const go = (next) => { at = 1 + ((next - 1) % n); seen = Math.max(seen, at); draws(at); show(); };
  const button = (label, action) => h("button", { type: "button", onclick: action }, label);
  const title = h("p", { class: "ex-caption" });
  const whole = h("div", { class: "ex-chance" }, title, told, box,
    h("div", { class: "ex-buttons" }, button("Shuffle: another random update", () => go(at + 1)), !compact && button(`Show all ${n}`, () => { seen = n; show(); })), ofWord);
  return {
    whole, go, picture: () => picture,
    show: (kind, next) => {
      [group, word] = [kind === "general" ? 1 : 0, next];
      title.textContent = `${group ? "General" : "Instruction"} verbs in heads: where did the number of their pairs change?`;
      show();
    },
  };
};

/* The words of the compact form: what became of the pairs of one word. */
const fate = (all, word) => {
  const found = { gained: [], lost: [], kept: [] };
  for (let head = 0; head < all.heads; head += 1) {
    for (let entry = all.start[head]; entry < all.start[head + 1]; entry += 1) found[statusOf(all, entry)].push(spelled(all, all.pair[entry]));
  }
  const list = (name) => (found[name].length ? `${name} ${found[name].slice(0, NAMED).join(", ")}${found[name].length > NAMED ? ` and ${found[name].length - NAMED} more` : ""}` : `${name} none`);
  if (!found.gained.length && !found.lost.length) return h("p", {}, "Tuning changed no pair of ", h("b", {}, word), ", the verb of the running example.");
  return h("p", {}, h("b", {}, word), `, the verb of the running example: ${["gained", "lost", "kept"].map(list).join("; ")}.`);
};

const small = async ({ data, el }) => {
  const all = await opener(data.pairs[0]);
  const panel = all.chance && chancePanel(all, { compact: true, draws: () => {} });
  el.append(h("section", { class: "ex ex-heads", "aria-label": "Explorer: instruction verbs against chance" },
    panel ? panel.whole : h("p", {}, "No random update is stored for this pair."), fate(all, data.word)));
  const show = () => panel?.show("instruction", data.word);
  panel?.go(1);
  show();
  return onLook(el, show);
};

const render = async ({ model, el }) => {
  const data = model.get("data");
  if (data.compact) return small({ data, el });
  const link = fragment("heads");
  const opened = await Promise.all(data.pairs.map(opener));
  const names = data.pairs.map(({ name }, at) => [String(at), name]);
  const state = {
    pair: link.known("pair", names),
    view: link.known("view", VIEWS),
    kind: link.known("kind", KINDS, "instruction"),
    show: link.known("show", SHOWS),
    word: link.words("word"),
    draw: 0,
  };
  let all = opened[Number(state.pair)];
  const asked = ["layer", "head"].map((key) => link.bounded(key, 0, (key === "layer" ? all.layers : all.perLayer) - 1, -1));
  let open = Math.max(...asked) < 0 ? -1 : Math.max(asked[0], 0) * all.perLayer + Math.max(asked[1], 0); // -1: all heads
  state.draw = link.bounded("draw", 0, all.chance ? all.chance.difference.length - 1 : 0, 0);
  const [live, say] = status();

  /* --- filter: which pairs count, and how many each head has of them */
  let passing;
  const counted = {};
  const filter = () => {
    passing = new Uint8Array(all.first.length);
    for (const name of ["base", "tuned", "gained", "lost", "kept"]) counted[name] = new Uint32Array(all.heads);
    const kind = KINDS.findIndex(([name]) => name === state.kind);
    const word = state.word ? all.place.get(state.word) ?? -1 : null;
    for (let p = 0; p < passing.length; p += 1) {
      const [a, b] = [all.first[p], all.second[p]];
      passing[p] = (!kind || all.wordClass[a] === kind || all.wordClass[b] === kind) && (word === null || a === word || b === word);
    }
    for (let head = 0; head < all.heads; head += 1) {
      for (let entry = all.start[head]; entry < all.start[head + 1]; entry += 1) if (passing[all.pair[entry]]) counted[statusOf(all, entry)][head] += 1;
      counted.base[head] = counted.lost[head] + counted.kept[head];
      counted.tuned[head] = counted.gained[head] + counted.kept[head];
    }
  };
  /* Opens on the instruction verb whose pairs changed most: something to see, whatever the pair. */
  const liveliest = () => {
    const moved = new Map();
    for (let entry = 0; entry < all.pair.length; entry += 1) {
      if (statusOf(all, entry) === "kept") continue;
      for (const at of [all.first[all.pair[entry]], all.second[all.pair[entry]]]) if (all.wordClass[at] === 1) moved.set(at, (moved.get(at) ?? 0) + 1);
    }
    const [at] = [...moved].sort((a, b) => b[1] - a[1] || a[0] - b[0])[0] ?? [];
    return at === undefined ? "" : all.words[at];
  };
  if (!["pair", "view", "kind", "show", "word", "layer", "head"].some((key) => link.get(key, ""))) state.word = data.word || liveliest();
  const value = (head) => (state.view === "change" ? counted.gained[head] - counted.lost[head] : counted[state.view][head]);

  /* --- map */
  const map = svg("svg", { role: "img" });
  let [COLUMN, mark] = [16, null];
  map.addEventListener("click", (event) => {
    const box = map.getBoundingClientRect();
    const i = Math.floor((event.clientX - box.left - MARGIN.left) / COLUMN);
    const l = Math.floor((event.clientY - box.top - MARGIN.top) / ROW);
    if (i >= 0 && i < all.perLayer && l >= 0 && l < all.layers) go(l * all.perLayer + i === open ? -1 : l * all.perLayer + i);
  });
  const legend = h("p", { class: "ex-legend" });
  const colourMap = () => {
    COLUMN = Math.max(16, Math.min(88, Math.floor((el.clientWidth >= 780 ? 400 : Math.max(220, el.clientWidth - 110)) / all.perLayer)));
    const values = Array.from({ length: all.heads }, (_, head) => value(head));
    const most = largest(values.map(Math.abs), 1);
    const change = state.view === "change";
    const tint = change ? divergeParts : modelParts(state.view === "tuned" ? 1 : 0);
    const word = (text, x, y, anchor, more) => svg("text", { x, y, "text-anchor": anchor, "font-size": 11, fill: "currentColor", ...more }, text);
    mark = svg("rect", { width: COLUMN, height: ROW, fill: "none", "stroke-width": 2.5 });
    map.setAttribute("width", MARGIN.left + all.perLayer * COLUMN + 4);
    map.setAttribute("height", MARGIN.top + all.layers * ROW + MARGIN.bottom);
    map.replaceChildren(
      ...Array.from({ length: all.layers }, (_, l) => word(`layer ${l}`, MARGIN.left - 6, MARGIN.top + (l + 0.72) * ROW, "end")),
      ...Array.from({ length: all.perLayer }, (_, i) => (COLUMN >= 30 || i % 4 === 0) && word(COLUMN < 50 ? String(i) : `head ${i}`, MARGIN.left + (i + 0.5) * COLUMN, MARGIN.top - 7, "middle")).filter(Boolean),
      ...values.map((own, head) => {
        const [l, i] = [Math.floor(head / all.perLayer), head % all.perLayer];
        const parts = tint(own / most);
        const said = change ? signed(own) : number(own);
        return svg("g", {}, svg("title", {}, `layer ${l}, head ${i}: ${said}`),
          svg("rect", { x: MARGIN.left + i * COLUMN, y: MARGIN.top + l * ROW, width: COLUMN - 1, height: ROW - 1, fill: rgb(parts), stroke: "currentColor", "stroke-opacity": 0.25 }),
          COLUMN >= 30 && word(said, MARGIN.left + (i + 0.5) * COLUMN, MARGIN.top + (l + 0.72) * ROW, "middle", { fill: inkOn(parts) }));
      }), mark);
    legend.replaceChildren(change ? `${signed(-most)} (more lost)` : "0", ...[0, 1, 2, 3, 4].map((i) => swatch(tint(change ? i / 2 - 1 : i / 4))), change ? `${signed(most)} (more gained)` : number(most));
    map.setAttribute("aria-label", `Map of ${all.heads} heads by layer: pairs with ${KINDS.find(([name]) => name === state.kind)[1]}${state.word ? ` and the word ${state.word}` : ""}, ${VIEWS.find(([name]) => name === state.view)[1].toLowerCase()}.`);
  };
  /* The arrow keys walk over the map; Escape goes back to all heads. */
  const walk = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: all.perLayer, ArrowUp: -all.perLayer }[event.key];
    if (event.key === "Escape") go(-1);
    else if (step) {
      event.preventDefault();
      go(open < 0 ? 0 : Math.min(all.heads - 1, Math.max(0, open + step)));
    }
  };

  /* --- the list: of one head, or of all heads */
  const within = (action) => {
    for (let head = open < 0 ? 0 : open; head < (open < 0 ? all.heads : open + 1); head += 1) {
      for (let entry = all.start[head]; entry < all.start[head + 1]; entry += 1) if (passing[all.pair[entry]]) action(entry, head, statusOf(all, entry));
    }
  };
  const listed = () => {
    const found = [];
    within((entry, head, status) => {
      if (state.show === "all" || state.show === status || (state.show === "changed" && status !== "kept")) found.push({ entry, head, status });
    });
    return found.sort((a, b) => all.similarity[all.pair[b.entry]] - all.similarity[all.pair[a.entry]]);
  };
  const title = h("p", {});
  const listNote = h("p", { class: "ex-note" });
  const listBody = h("tbody", {});
  const changes = h("div", {});
  const showPairs = () => {
    const found = listed();
    listBody.replaceChildren(...found.slice(0, MOST_ROWS).map(({ entry, head, status }) => {
      const p = all.pair[entry];
      return h("tr", {}, h("td", {}, h("button", { type: "button", class: "ex-where", "aria-label": `open layer ${Math.floor(head / all.perLayer)}, head ${head % all.perLayer}`, onclick: () => go(head) }, place(all, head))),
        h("td", {}, spelled(all, p, true)), h("td", {}, SIGNS[status]), h("td", {}, (all.similarity[p] / 255).toFixed(2)), h("td", {}, `${all.n[0][entry]} \u2192 ${all.n[1][entry]}`));
    }));
    const shown = Math.min(MOST_ROWS, found.length);
    listNote.textContent = !shown ? "No pair here. Empty \u201cand the word\u201d, or choose \u201call heads\u201d." : `${number(shown)} of ${number(found.length)} pairs shown${shown < found.length ? " (the CSV has all)" : ""}. Head: layer.head. Alike: cosine of the word vectors. Held: by how many dimensions, base \u2192 tuned. \u25b2 instruction verb, \u25b3 general verb. ${all.note}`;
  };
  const showChanges = () => {
    const pairs = { gained: [], lost: [], kept: [] };
    within((entry, head, status) => pairs[status].push([all.pair[entry], head]));
    changes.replaceChildren(...["gained", "lost"].map((name) => {
      const found = pairs[name].sort((a, b) => all.similarity[b[0]] - all.similarity[a[0]]);
      const named = found.slice(0, NAMED).map(([p, head]) => `${spelled(all, p)} (${place(all, head)})`).join(", ");
      const more = found.length > NAMED ? ` and ${number(found.length - NAMED)} more` : "";
      return h("p", { class: "ex-change" }, h("b", {}, `${name === "gained" ? "+ Gained" : "\u2212 Lost"} with tuning (layer.head): `), named ? `${named}${more}.` : "no such pair.");
    }));
    const [gained, lost, kept] = ["gained", "lost", "kept"].map((name) => pairs[name].length);
    title.replaceChildren(h("b", {}, open < 0 ? "All heads" : `Layer ${Math.floor(open / all.perLayer)}, head ${open % all.perLayer}`),
      `, pairs with ${state.word ? `\u201c${state.word}\u201d` : KINDS.find(([name]) => name === state.kind)[1]}: ${number(lost + kept)} in the base, ${number(gained + kept)} in the tuned model; ${number(kept)} kept. `,
      open < 0 ? "" : h("button", { type: "button", onclick: () => go(-1) }, "All heads"));
  };
  const put = () => {
    mark.style.display = open < 0 ? "none" : "";
    mark.setAttribute("x", MARGIN.left + (open % all.perLayer) * COLUMN - 0.5);
    mark.setAttribute("y", MARGIN.top + Math.floor(open / all.perLayer) * ROW - 0.5);
    mark.setAttribute("stroke", isDark() ? "#fff" : "#000");
    link.put({ pair: state.pair, layer: open < 0 ? "" : Math.floor(open / all.perLayer), head: open < 0 ? "" : open % all.perLayer, view: state.view, kind: state.kind, show: state.show, word: state.word, draw: state.draw });
  };
  const show = () => { showChanges(); showPairs(); put(); };
  const go = (head) => { open = head; headBox.control.value = String(open); show(); };
  const chance = h("div", {});
  let panel = null;
  const newPanel = () => {
    panel = all.chance && chancePanel(all, { draws: (at) => { state.draw = at; if (mark) put(); } });
    chance.replaceChildren(panel ? panel.whole : h("p", { class: "ex-note" }, "Random updates need the models\u2019 weights: there are none to lay beside this pair."));
    if (panel) panel.go(state.draw || 1);
  };
  const heads = () => [["-1", "all heads"], ...Array.from({ length: all.heads }, (_, head) => [String(head), `layer ${Math.floor(head / all.perLayer)}, head ${head % all.perLayer}`])];
  const refilter = () => {
    filter();
    colourMap();
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const some = (list) => list.filter(Boolean).length;
    if (state.word && !all.place.has(state.word)) say(`No head knows a pair with \u201c${state.word}\u201d.`);
    else if (state.word) say(`\u201c${state.word}\u201d is in pairs of ${some(counted.base)} heads of the base and ${some(counted.tuned)} of the tuned model.`);
    else say(`All heads together: ${number(sum(counted.base))} pairs in the base, ${number(sum(counted.tuned))} in the tuned model; ${number(sum(counted.gained))} gained, ${number(sum(counted.lost))} lost.`);
    panel?.show(state.kind, state.word);
    show();
  };
  const set = (key, after) => (next) => { state[key] = next; after(); };
  const headBox = select("Head", heads(), String(open), (next) => go(Number(next)));
  const otherPair = (next) => {
    Object.assign(state, { pair: next, draw: 0 });
    [all, open] = [opened[Number(next)], -1];
    headBox.fill(heads(), "-1");
    newPanel();
    refilter();
  };
  const rows = () => [
    ["layer", "head", "word", "other word", "change", "similarity", "dimensions in base", "dimensions in tuned"],
    ...listed().map(({ entry, head, status }) => {
      const p = all.pair[entry];
      return [Math.floor(head / all.perLayer), head % all.perLayer, all.words[all.first[p]], all.words[all.second[p]], status, (all.similarity[p] / 255).toFixed(3), all.n[0][entry], all.n[1][entry]];
    }),
  ];
  const known = h("datalist", { id: `explorer-verbs-${nextNumber()}` }, all.words.filter((_, at) => all.wordClass[at] === 1).map((word) => h("option", { value: word })));
  const wordBox = search("and the word", state.word, set("word", refilter));
  wordBox.control.setAttribute("list", known.id);
  const part = (...children) => h("div", { class: "ex-part-of" }, ...children);
  const column = (text) => h("th", { scope: "col" }, text);
  el.append(
    h("section", { class: "ex ex-heads", "aria-label": "Explorer: word pairs of all attention heads" },
      h("div", { class: "ex-row" },
        names.length > 1 && select("Models", names, state.pair, otherPair),
        select("Pairs with", KINDS, state.kind, (next) => { Object.assign(state, { kind: next, word: "" }); wordBox.control.value = ""; refilter(); }),
        wordBox, known, headBox,
        select("List the pairs", SHOWS, state.show, set("show", () => { showPairs(); put(); }))),
      live,
      h("div", { class: "ex-row ex-top" },
        part(folded(el, "Map of heads", {}, choice("The map counts", VIEWS, state.view, set("view", () => { colourMap(); put(); })), legend, h("div", { class: "ex-scroll", tabindex: "0", role: "group", "aria-label": "Map of heads: the arrow keys open the next", onkeydown: walk }, map))),
        part(title, changes,
          h("div", { class: "ex-scroll ex-list-box", tabindex: "0", role: "region", "aria-label": "Pairs" }, h("table", { "aria-label": "Pairs" },
            h("thead", {}, h("tr", {}, ["Head", "Pair", "Change", "Alike", "Held"].map(column))), listBody)),
          listNote)),
      chance,
      exporter("heads", { rows, picture: () => map, say, link }),
    ),
  );
  newPanel();
  refilter();
  arrive("heads", el);
  const resized = () => { colourMap(); put(); panel?.show(state.kind, state.word); };
  return onLook(el, resized);
};

export default { render };
