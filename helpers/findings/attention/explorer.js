/* Chapter 3's explorer: which pairs of words each attention head knows, in both models.
 *
 * A head knows a pair that two or more of its dimensions hold. The map counts, for every head, the
 * pairs that pass the filter; the list shows those of one head, the table its dimensions.
 */
const VIEWS = [["change", "Gained less lost"], ["base", "Base"], ["tuned", "Tuned"]];
const KINDS = [["all", "any words"], ["instruction", "an instruction verb"], ["general", "a general verb"]];
const SHOWS = [["changed", "gained and lost"], ["gained", "gained"], ["lost", "lost"], ["kept", "kept"], ["all", "all"]];
const MARKS = ["", "\u25b2", "\u25b3"];
const SIGNS = { gained: "+ gained", lost: "\u2212 lost", kept: "kept" };
const LEAST = 2;
const MOST_ROWS = 100;
const ROW = 20;
const MARGIN = { left: 62, top: 22, bottom: 4 };
const NAMED = 6;
const format = new Intl.NumberFormat("en-US");
const number = (value) => format.format(value);
const signed = (value) => (value > 0 ? `+${number(value)}` : value < 0 ? `\u2212${number(-value)}` : "0");

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

/* Typed views on the packed arrays. */
const opener = async (data) => {
  const [models, heads, dimensions] = data.shape;
  const [pairSteps, counts] = await Promise.all([data.pairSteps, data.counts].map((text) => inflate(text, Uint32Array)));
  const [knownSteps, nHeld, dimensionSteps, nPairs] = await Promise.all(
    [data.known, data.nHeld, data.dimensions, data.nPairs].map((text) => inflate(text, Uint16Array)));
  const [wordClass, similarity, heldIn] = await Promise.all([data.wordClass, data.similarity, data.heldIn].map((text) => inflate(text)));
  const [words, norms] = await Promise.all([inflateText(data.words), inflateLevels(data.norms)]);
  const [first, second] = [new Uint16Array(pairSteps.length), new Uint16Array(pairSteps.length)];
  for (let at = 0, code = 0; at < pairSteps.length; at += 1) {
    code += pairSteps[at];
    first[at] = Math.floor(code / words.length);
    second[at] = code % words.length;
  }
  const held = starts(nHeld);
  const dimension = rising(dimensionSteps, nHeld);
  const n = [0, 1].map(() => new Uint16Array(nHeld.length)); // dimensions that hold an entry, by model
  for (let entry = 0; entry < nHeld.length; entry += 1) {
    for (let at = held[entry]; at < held[entry + 1]; at += 1) {
      n[0][entry] += heldIn[at] & 1;
      n[1][entry] += heldIn[at] >> 1;
    }
  }
  const cell = (m, head, r) => (m * heads + head) * dimensions + r;
  return {
    models, heads, dimensions, words, wordClass, first, second, similarity, n, held, dimension, heldIn,
    layers: data.layers,
    perLayer: heads / data.layers,
    start: starts(counts),
    pair: rising(knownSteps, counts),
    place: new Map(words.map((word, at) => [word, at])),
    norm: (m, head, r) => norms[cell(m, head, r)],
    nPairs: (m, head, r) => nPairs[cell(m, head, r)],
  };
};

const render = async ({ model, el }) => {
  const all = await opener(model.get("data"));
  const link = fragment("heads");
  const state = {
    layer: link.bounded("layer", 0, all.layers - 1, -1),
    head: link.bounded("head", 0, all.perLayer - 1, -1),
    view: link.known("view", VIEWS),
    kind: link.known("kind", KINDS, all.wordClass.includes(1) ? "instruction" : "all"),
    show: link.known("show", SHOWS),
    dimension: link.bounded("dimension", 0, all.dimensions - 1, -1),
    word: link.words("word"),
  };
  const [live, say] = status();
  const here = () => state.layer * all.perLayer + state.head;

  /* --- filter: which pairs count, and how many each head has of them */
  const passing = new Uint8Array(all.first.length);
  const counted = { base: [], tuned: [], gained: [], lost: [] };
  const filter = () => {
    const kind = KINDS.findIndex(([name]) => name === state.kind);
    const word = state.word ? all.place.get(state.word) ?? -1 : null;
    for (let p = 0; p < passing.length; p += 1) {
      const [a, b] = [all.first[p], all.second[p]];
      passing[p] = (!kind || all.wordClass[a] === kind || all.wordClass[b] === kind) && (word === null || a === word || b === word);
    }
    for (let head = 0; head < all.heads; head += 1) {
      let [base, tuned, both] = [0, 0, 0];
      for (let entry = all.start[head]; entry < all.start[head + 1]; entry += 1) {
        if (passing[all.pair[entry]]) {
          const [inBase, inTuned] = [all.n[0][entry] >= LEAST, all.n[1][entry] >= LEAST];
          base += inBase;
          tuned += inTuned;
          both += inBase && inTuned;
        }
      }
      counted.base[head] = base;
      counted.tuned[head] = tuned;
      counted.gained[head] = tuned - both;
      counted.lost[head] = base - both;
    }
  };
  filter();
  if (state.layer < 0 && state.head < 0) { // no link says where: open where most pairs changed
    const moves = counted.gained.map((gained, head) => gained + counted.lost[head]);
    const most = moves.indexOf(largest(moves));
    [state.layer, state.head] = [Math.floor(most / all.perLayer), most % all.perLayer];
  }
  [state.layer, state.head] = [Math.max(0, state.layer), Math.max(0, state.head)];
  const value = (head) => (state.view === "change" ? counted.gained[head] - counted.lost[head] : counted[state.view][head]);

  /* --- map */
  const COLUMN = Math.max(16, Math.min(62, Math.floor(560 / all.perLayer)));
  const [width, height] = [all.perLayer * COLUMN, all.layers * ROW];
  const cells = svg("g", { "font-size": 11, "text-anchor": "middle" });
  const names = svg("g", { "font-size": 11, fill: "currentColor" });
  for (let l = 0; l < all.layers; l += 1) names.append(svg("text", { x: MARGIN.left - 6, y: MARGIN.top + (l + 0.72) * ROW, "text-anchor": "end" }, `layer ${l}`));
  for (let i = 0; i < all.perLayer; i += COLUMN < 30 ? 4 : 1) names.append(svg("text", { x: MARGIN.left + (i + 0.5) * COLUMN, y: MARGIN.top - 7, "text-anchor": "middle" }, COLUMN < 50 ? String(i) : `head ${i}`));
  const mark = svg("rect", { width: COLUMN, height: ROW, fill: "none", "stroke-width": 2.5 });
  const map = svg("svg", { width: MARGIN.left + width + 4, height: MARGIN.top + height + MARGIN.bottom, role: "img" }, cells, names, mark);
  map.addEventListener("click", (event) => {
    const box = map.getBoundingClientRect();
    const i = Math.floor((event.clientX - box.left - MARGIN.left) / COLUMN);
    const l = Math.floor((event.clientY - box.top - MARGIN.top) / ROW);
    if (i >= 0 && i < all.perLayer && l >= 0 && l < all.layers) go(l, i);
  });
  const legend = h("p", { class: "ex-legend" });
  const colourMap = () => {
    const values = Array.from({ length: all.heads }, (_, head) => value(head));
    const most = largest(values.map(Math.abs), 1);
    const change = state.view === "change";
    const tint = change ? divergeParts : modelParts(state.view === "tuned" ? 1 : 0);
    cells.replaceChildren(...values.map((own, head) => {
      const [l, i] = [Math.floor(head / all.perLayer), head % all.perLayer];
      const parts = tint(own / most);
      const box = svg("rect", { x: MARGIN.left + i * COLUMN, y: MARGIN.top + l * ROW, width: COLUMN - 1, height: ROW - 1, fill: rgb(parts), stroke: "currentColor", "stroke-opacity": 0.25 });
      const label = COLUMN >= 30 && svg("text", { x: MARGIN.left + (i + 0.5) * COLUMN, y: MARGIN.top + (l + 0.72) * ROW, fill: inkOn(parts) }, change ? signed(own) : number(own));
      return svg("g", {}, svg("title", {}, `layer ${l}, head ${i}: ${change ? signed(own) : number(own)}`), box, label);
    }));
    legend.replaceChildren(change ? `${signed(-most)} (more lost)` : "0", ...[0, 1, 2, 3, 4].map((i) => swatch(tint(change ? i / 2 - 1 : i / 4))), change ? `${signed(most)} (more gained)` : number(most));
    const what = VIEWS.find(([name]) => name === state.view)[1].toLowerCase();
    map.setAttribute("aria-label", `Map of ${all.heads} heads by layer: pairs with ${KINDS.find(([name]) => name === state.kind)[1]}${state.word ? ` and the word ${state.word}` : ""}, ${what}. Use the sliders to open a head.`);
  };

  /* --- one head */
  const statusOf = (entry) => {
    const [inBase, inTuned] = [all.n[0][entry] >= LEAST, all.n[1][entry] >= LEAST];
    return inBase && inTuned ? "kept" : inTuned ? "gained" : "lost";
  };
  const dimensionsOf = (entry, m) => {
    const found = [];
    for (let at = all.held[entry]; at < all.held[entry + 1]; at += 1) if ((all.heldIn[at] >> m) & 1) found.push(all.dimension[at]);
    return found;
  };
  const inDimension = (entry, r) => [0, 1].some((m) => dimensionsOf(entry, m).includes(r));
  /* Entries of the open head that pass every filter, most similar first. */
  const listed = () => {
    const found = [];
    for (let entry = all.start[here()]; entry < all.start[here() + 1]; entry += 1) {
      const status = statusOf(entry);
      const wanted = state.show === "all" || state.show === status || (state.show === "changed" && status !== "kept");
      if (wanted && passing[all.pair[entry]] && (state.dimension < 0 || inDimension(entry, state.dimension))) found.push({ entry, status });
    }
    return found.sort((a, b) => all.similarity[all.pair[b.entry]] - all.similarity[all.pair[a.entry]]);
  };
  const spelled = (at) => `${all.words[at]}${MARKS[all.wordClass[at]]}`;
  const column = (text) => h("th", { scope: "col" }, text);
  const box = (label, ...children) => h("div", { class: "ex-scroll ex-list-box", tabindex: "0", role: "region", "aria-label": label }, ...children);
  const title = h("p", {});
  const listNote = h("p", { class: "ex-note" });
  const listBody = h("tbody", {});
  const dimensionBody = h("tbody", {});
  const dimensionNote = h("p", { class: "ex-note" });
  const dimensionDrawer = h("details", { ontoggle: () => showDimensions() }, h("summary", {}, "Dimensions of this head"), dimensionNote);
  const showPairs = () => {
    const found = listed();
    listBody.replaceChildren(...found.slice(0, MOST_ROWS).map(({ entry, status }) => {
      const p = all.pair[entry];
      const hit = state.word && [all.words[all.first[p]], all.words[all.second[p]]].includes(state.word);
      return h("tr", {}, h("td", { class: hit ? "ex-hit" : null }, `${spelled(all.first[p])} \u2013 ${spelled(all.second[p])}`), h("td", {}, SIGNS[status]),
        h("td", {}, (all.similarity[p] / 255).toFixed(2)), h("td", {}, String(all.n[0][entry])), h("td", {}, String(all.n[1][entry])));
    }));
    const [shown, kept] = [Math.min(MOST_ROWS, found.length), counted.base[here()] - counted.lost[here()]];
    const hint = !shown && kept ? ` ${number(kept)} kept: list \u201call\u201d to see them.` : "";
    listNote.textContent = `${number(shown)} of ${number(found.length)} pairs shown${shown < found.length ? " (the CSV has all)" : ""}.${hint} \u25b2 instruction verb, \u25b3 general verb.`;
  };
  /* What the open head gained and lost of the pairs that count, in words: the most similar ones. */
  const changes = h("div", {});
  const showChanges = () => {
    const pairs = { gained: [], lost: [] };
    for (let entry = all.start[here()]; entry < all.start[here() + 1]; entry += 1) {
      if (passing[all.pair[entry]]) pairs[statusOf(entry)]?.push(all.pair[entry]);
    }
    changes.replaceChildren(...Object.entries(pairs).map(([name, found]) => {
      found.sort((a, b) => all.similarity[b] - all.similarity[a]);
      const named = found.slice(0, NAMED).map((p) => `${all.words[all.first[p]]} – ${all.words[all.second[p]]}`).join(", ");
      const more = found.length > NAMED ? ` and ${number(found.length - NAMED)} more` : "";
      return h("p", { class: "ex-change" }, h("b", {}, `${name === "gained" ? "+ Gained" : "− Lost"} with tuning: `), named ? `${named}${more}.` : "no such pair.");
    }));
  };
  const showDimensions = () => {
    dimensionBox.value = state.dimension < 0 ? "" : state.dimension;
    if (!dimensionDrawer.open) return; // hundreds of rows that nobody sees
    const by = state.view === "base" ? 0 : 1;
    const order = Array.from({ length: all.dimensions }, (_, r) => r).sort((a, b) => all.norm(by, here(), b) - all.norm(by, here(), a));
    const mine = [0, 1].map(() => new Uint32Array(all.dimensions));
    for (let entry = all.start[here()]; entry < all.start[here() + 1]; entry += 1) {
      for (const m of [0, 1]) if (all.n[m][entry] >= LEAST) for (const r of dimensionsOf(entry, m)) mine[m][r] += 1;
    }
    dimensionBody.replaceChildren(...order.map((r) => {
      const row = h("tr", { onclick: () => pick(r === state.dimension ? -1 : r) }, h("td", {}, `${r === state.dimension ? "\u25b8 " : ""}${r}`),
        [all.norm, all.nPairs, (m, _, at) => mine[m][at]].flatMap((of) => [0, 1].map((m) => h("td", {}, number(Math.round(of(m, here(), r)))))));
      row.style.cursor = "pointer";
      return row;
    }));
    dimensionNote.textContent = `Ordered by the norm in the ${["base", "tuned"][by]} model. \u201cIn the list\u201d counts pairs that another dimension holds too; the others are counted but not on this page.`;
  };
  const showTitle = (head) => {
    const kept = counted.base[head] - counted.lost[head];
    title.replaceChildren(h("b", {}, `Layer ${state.layer}, head ${state.head}`),
      `, pairs with ${KINDS.find(([name]) => name === state.kind)[1]}: ${number(counted.base[head])} in the base, ${number(counted.tuned[head])} in the tuned model; ${number(counted.gained[head])} gained, ${number(counted.lost[head])} lost, ${number(kept)} kept.`);
  };
  const heads = h("div", { class: "ex-row", role: "group", "aria-label": "Heads that know the word" });
  const showHeads = () => {
    const knowing = state.word ? Array.from({ length: all.heads }, (_, head) => head).filter((head) => counted.base[head] || counted.tuned[head]) : [];
    heads.replaceChildren(...knowing.map((head) => {
      const [l, i] = [Math.floor(head / all.perLayer), head % all.perLayer];
      return h("button", { type: "button", onclick: () => go(l, i) }, `layer ${l}, head ${i}: ${counted.base[head]} \u2192 ${counted.tuned[head]}`);
    }));
    heads.style.display = knowing.length ? "" : "none";
  };
  const put = () => {
    mark.setAttribute("x", MARGIN.left + state.head * COLUMN - 0.5);
    mark.setAttribute("y", MARGIN.top + state.layer * ROW - 0.5);
    mark.setAttribute("stroke", isDark() ? "#fff" : "#000");
    link.put({ layer: state.layer, head: state.head, view: state.view, kind: state.kind, show: state.show, dimension: state.dimension, word: state.word });
  };
  const show = () => { showTitle(here()); showChanges(); showPairs(); showDimensions(); put(); };
  const go = (l, i) => {
    Object.assign(state, { layer: l, head: i });
    layerSlider.put(l);
    headSlider.put(i);
    show();
  };
  const pick = (r) => { state.dimension = r; showPairs(); showDimensions(); put(); };
  const refilter = () => {
    filter();
    colourMap();
    showHeads();
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const some = (list) => list.filter(Boolean).length;
    if (state.word && !all.place.has(state.word)) say(`No head knows a pair with \u201c${state.word}\u201d.`);
    else if (state.word) say(`\u201c${state.word}\u201d is in pairs of ${some(counted.base)} heads of the base and ${some(counted.tuned)} of the tuned model.`);
    else say(`All heads together: ${number(sum(counted.base))} pairs in the base, ${number(sum(counted.tuned))} in the tuned model; ${number(sum(counted.gained))} gained, ${number(sum(counted.lost))} lost.`);
    show();
  };
  const set = (key, after) => (next) => { state[key] = next; after(); };
  const layerSlider = slider("Layer", { min: 0, max: all.layers - 1, step: 1, value: state.layer }, set("layer", show));
  const headSlider = slider("Head", { min: 0, max: all.perLayer - 1, step: 1, value: state.head }, set("head", show));
  const dimensionBox = h("input", { type: "number", min: 0, max: all.dimensions - 1, placeholder: "all", onchange: () =>
    pick(dimensionBox.value !== "" && dimensionBox.validity.valid ? Number(dimensionBox.value) : -1) });
  const rows = () => [
    ["layer", "head", "word", "other word", "change", "similarity", "dimensions in base", "dimensions in tuned"],
    ...listed().map(({ entry, status }) => {
      const p = all.pair[entry];
      return [state.layer, state.head, all.words[all.first[p]], all.words[all.second[p]], status, (all.similarity[p] / 255).toFixed(3), dimensionsOf(entry, 0).join(" "), dimensionsOf(entry, 1).join(" ")];
    }),
  ];
  const part = (...children) => h("div", { class: "ex-part-of" }, ...children);
  dimensionDrawer.append(box("Dimensions of the open head", h("table", { "aria-label": "Dimensions of the open head" },
    h("thead", {}, h("tr", {}, ["Dimension", "Norm, base", "tuned", "Pairs, base", "tuned", "In the list, base", "tuned"].map(column))), dimensionBody)));
  el.append(
    h("section", { class: "ex ex-heads", "aria-label": "Explorer: word pairs of all attention heads" },
      h("p", {}, "Click a head in the map, or move the sliders. A head knows a pair of words that two or more of its dimensions hold."),
      h("div", { class: "ex-row" },
        choice("The map counts", VIEWS, state.view, set("view", () => { colourMap(); showDimensions(); put(); })),
        select("Pairs with", KINDS, state.kind, set("kind", refilter)),
        search("and the word", state.word, set("word", refilter))),
      live,
      heads,
      h("div", { class: "ex-row" },
        part(legend, h("div", { class: "ex-scroll", tabindex: "0", role: "region", "aria-label": "Map of heads" }, map),
          h("div", { class: "ex-row" }, layerSlider, headSlider)),
        part(title, changes,
          h("div", { class: "ex-row" }, select("List the pairs", SHOWS, state.show, set("show", () => { showPairs(); put(); })), labelled("Dimension", dimensionBox)),
          listNote,
          box("Pairs of the open head", h("table", { "aria-label": "Pairs of the open head" },
            h("thead", {}, h("tr", {}, ["Pair", "Change", "Similarity", "Dimensions, base", "tuned"].map(column))), listBody)))),
      dimensionDrawer,
      exporter("heads", { rows, picture: () => map, say, link }),
    ),
  );
  refilter();
  arrive("heads", el);
  return onTheme(() => { colourMap(); put(); });
};

export default { render };
