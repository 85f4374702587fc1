/* Chapter 5's explorer: a slider over the training, one prompt, its response at each point.
 *
 * The prompt's segments are tinted by what blanking them takes from the response shown (`compact`: from
 * that of the finished model). Beside it three
 * curves over the points: the mean of all prompts (broad), this prompt (thin), and the cursor.
 */
const CURVES = [["followed", "prompts followed", "share"], ["reliance", "lost without the instruction", "nats a token"], ["length", "length of the response", "tokens"]];
const TRACKS = [["training", "along the training"], ["strength", "strength of the finished update"]];
const PAUSE = 1100; // milliseconds a point while it plays
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const mark = (followed) => (followed === null ? "" : followed ? "followed ✓" : "not followed ✗");
const amount = (value, unit) => (value === undefined || value === null ? "–" : unit === "share" ? `${Math.round(100 * value)} %` : `${value.toFixed(2).replace("-", "−")} ${unit}`);

/* One curve: means broad, this prompt's values thin with dots, other runs as diamonds, a cursor. */
const curve = ({ title, unit, at, means, own, others, now, width, name }) => {
  const [height, left, right, top, bottom] = [148, 34, 8, 40, 22];
  const ink = isDark() ? "#f2f2f2" : "#1a1a1a";
  const values = [...means, ...own, ...others.map(([, value]) => value)].filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...values), largest(values, 1e-9)];
  const x = (t) => left + t * (width - left - right);
  const y = (value) => top + (1 - (value - low) / (high - low)) * (height - top - bottom);
  const label = (text, props) => svg("text", { fill: ink, "font-size": 11, "font-family": "sans-serif", ...props }, text);
  const points = (series) => series.map((value, k) => [at[k], value]).filter(([, value]) => Number.isFinite(value));
  const line = (series, props) => svg("polyline", { points: points(series).map(([t, v]) => `${x(t)},${y(v)}`).join(" "), fill: "none", ...props });
  const [base, tuned] = [rgb(MODEL_INK(0)), rgb(MODEL_INK(1))];
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name },
    label(title, { x: 2, y: 13, "font-weight": 600 }),
    label(unit, { x: 2, y: 26, opacity: 0.8 }),
    [low, high].flatMap((value) => [svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: ink, opacity: 0.25 }), label(value.toFixed(high - low < 5 ? 1 : 0), { x: left - 5, y: y(value) + 4, "text-anchor": "end" })]),
    svg("line", { class: "ex-cursor", x1: x(at[now]), x2: x(at[now]), y1: top, y2: height - bottom, stroke: ink, "stroke-width": 1.5, "stroke-dasharray": "2 3" }),
    line(means, { class: "ex-mean", stroke: tuned, "stroke-width": 6, opacity: 0.35 }),
    line(own, { stroke: tuned, "stroke-width": 1.5 }),
    points(own).map(([t, v]) => svg("circle", { cx: x(t), cy: y(v), r: 3, fill: tuned })),
    others.filter(([, value]) => Number.isFinite(value)).flatMap(([t, value, text]) => [
      svg("path", { d: `M${x(t)},${y(value) - 5}l5,5l-5,5l-5,-5z`, fill: base }, svg("title", {}, text)),
      label(text, { x: x(t) - 8, y: y(value) + 4, "text-anchor": "end", "font-size": 10 })]),
    label("base", { x: x(0), y: height - 6, "text-anchor": "start" }),
    label("end", { x: x(1), y: height - 6, "text-anchor": "end" }));
};

const render = async ({ model, el }) => {
  const data = await inflateJson(model.get("data"));
  const small = model.get("compact");
  const tracks = TRACKS.filter(([key]) => data[key].length > 1);
  const opening = data.prompts.some(({ id }) => id === model.get("opening")) ? model.get("opening") : data.prompts[0].id;
  const titleOf = ({ id, segments }) => {
    const text = shown(segments.map(([, words]) => words).join(" "));
    return `${text.length > 64 ? `${text.slice(0, 62).trim()}…` : text} · ${id}`;
  };
  const PROMPTS = data.prompts.map((one) => [one.id, titleOf(one)]);
  const link = small ? null : fragment("course");
  const state = { prompt: opening, track: tracks[0][0], stop: data[tracks[0][0]].length - 1, runs: "" };
  if (link) {
    state.prompt = link.known("prompt", PROMPTS, opening);
    state.track = link.known("track", tracks);
    state.stop = link.bounded("stop", 0, data[state.track].length - 1, data[state.track].length - 1);
    state.runs = link.get("runs", "");
  } else state.stop = 0;
  const overlays = new Set(state.runs.split(" ").filter((run) => data.runs.some((n) => data.points[n].run === run)));

  const stops = () => data[state.track];
  const prompt = () => data.prompts.find(({ id }) => id === state.prompt);
  const point = (k) => data.points[stops()[k]];
  const nameOf = ({ run, label, step, strength }) => (run === "base" ? "base" : data.unit === "share" || label === "tuned" ? label : strength < 1 || state.track === "strength" ? `strength ${strength}` : `step ${step}`);
  /* Places between 0 and 1: log of the step, or the strength. */
  const last = () => largest(stops().map((n) => data.points[n].step), 1);
  const place = ({ run, step, strength }) => (state.track === "strength" ? (run === "base" ? 0 : strength) : Math.min(1, Math.log1p(step) / Math.log1p(last())));

  const [live, say] = status();
  const text = h("div", { class: "ex-tokens" });
  const answer = h("p", { class: "ex-answer" });
  const charts = h("div", { class: "ex-row ex-curves" });
  const compared = h("ul", { class: "ex-note" });
  const legend = h("p", { class: "ex-legend" });
  const paint = () => {
    const cell = prompt().cells[stops()[state.stop]];
    const most = largest(prompt().cells.flatMap(({ tints }) => prompt().segments.map(([role]) => tints[role] ?? 0)), 1e-9);
    text.replaceChildren(...prompt().segments.map(([role, words]) => {
      const value = cell.tints[role];
      const ink = shadeParts((value ?? 0) / most);
      const chip = h("span", { class: `ex-token ${role}`, dir: "auto", style: "white-space: pre-wrap", title: `${role}: ${amount(value, data.unit)}` }, shown(words), small ? null : h("small", { class: "ex-amount" }, ` ${amount(value, data.unit)}`));
      Object.assign(chip.style, { background: value > 0 ? rgb(ink) : "", color: value > 0 ? inkOn(ink) : "" });
      return chip;
    }));
    const length = cell.length === null ? "" : ` · ${cell.length} tokens`;
    answer.replaceChildren(h("b", {}, `${nameOf(point(state.stop))}: `), h("q", { dir: "auto" }, shown(cell.text) || "(empty)"), ` ${mark(cell.followed)}${length}`);
    const [least, top] = small ? ["little", "much"] : [data.unit === "share" ? "share 0" : "blanking takes 0", amount(most, data.unit)];
    legend.replaceChildren(least, ...[0.25, 0.5, 0.75, 1].map((t) => swatch(shadeParts(t))), `${top} · instruction underlined`);
    say(`${nameOf(point(state.stop))}, ${state.stop + 1} of ${stops().length}: ${mark(cell.followed) || "no rule"}.`);
  };
  const series = (key) => stops().map((n) => (key === "followed" ? Number(prompt().cells[n].followed ?? NaN) : prompt().cells[n][key] ?? NaN));
  const drawCurves = () => {
    const room = charts.clientWidth || 320;
    const width = room > 700 ? Math.floor((room - 40) / 3) : room;
    const shownRuns = data.runs.filter((n) => overlays.has(data.points[n].run));
    charts.replaceChildren(...CURVES.map(([key, title, unit]) => curve({
      title, unit, width, now: state.stop, at: stops().map((n) => place(data.points[n])),
      means: stops().map((n) => data.points[n].means[key] ?? NaN), own: series(key),
      others: state.track === "strength" ? [] : shownRuns.map((n) => [place(data.points[n]), data.points[n].means[key] ?? NaN, data.points[n].label]),
      name: `${title} through the training: mean of all prompts and ${state.prompt}; numbers in the table below.`,
    })));
    compared.replaceChildren(...shownRuns.map((n) => {
      const cell = prompt().cells[n];
      return h("li", {}, `${data.points[n].label}, step ${data.points[n].step}: `, h("q", { dir: "auto" }, shown(cell.text) || "(empty)"), ` ${mark(cell.followed)}`);
    }));
  };
  const rows = () => [
    ["prompt", "run", "step", "strength", "followed", "tokens", "lost without the instruction", "response", "mean followed", "mean lost", "mean tokens"],
    ...data.points.map((one, n) => {
      const cell = prompt().cells[n];
      return [state.prompt, one.label, one.step, one.strength, mark(cell.followed), cell.length ?? "", cell.reliance ?? "", cell.text, ...CURVES.map(([key]) => one.means[key] ?? "")];
    }),
  ];
  const tableBox = drawer("The same as a table", rows);
  const show = () => {
    paint();
    slide.control.max = stops().length - 1;
    slide.put(state.stop);
    slide.querySelector("output").textContent = nameOf(point(state.stop));
    slide.control.setAttribute("aria-valuetext", nameOf(point(state.stop)));
    if (small) return;
    drawCurves();
    tableBox.fill();
    link.put({ ...state, runs: [...overlays].join(" ") });
  };
  /* Playing: one point after the other, and from the start again at the end. A reader who wants little
   * movement gets one step a press. */
  let timer = null;
  const halt = () => { clearInterval(timer); timer = null; play.textContent = still() ? "Next ▸" : "Play ▸"; };
  const step = () => {
    state.stop = (state.stop + 1) % stops().length;
    if (state.stop === stops().length - 1) halt();
    show();
  };
  const play = h("button", { type: "button", onclick: () => {
    if (still()) return step();
    if (timer) return halt();
    play.textContent = "Stop ■";
    step();
    timer = setInterval(() => (el.isConnected ? step() : halt()), PAUSE);
    return undefined;
  } });
  const slide = slider("Point of the tuning", { min: 0, max: stops().length - 1, step: 1, value: state.stop }, (k) => { halt(); state.stop = k; show(); });
  slide.classList.add("ex-time");
  halt();
  const track = (key) => { halt(); Object.assign(state, { track: key, stop: data[key].length - 1 }); show(); };
  const chosen = (run) => (on) => { if (on) overlays.add(run); else overlays.delete(run); show(); };
  const controls = small ? null : h("div", { class: "ex-row" },
    select("Prompt", PROMPTS, state.prompt, (id) => { halt(); state.prompt = id; show(); }),
    tracks.length > 1 ? choice("Move", tracks, state.track, track) : null);
  const runs = small || !data.runs.length ? null : h("fieldset", { class: "ex-choice" }, h("legend", {}, "Beside it, the end of"),
    data.runs.map((n) => checkbox(data.points[n].label, overlays.has(data.points[n].run), chosen(data.points[n].run))));
  const key = small ? null : h("p", { class: "ex-note" }, "Broad: mean of all prompts · thin: this prompt · diamonds: other runs (means) · dotted: the point shown");
  const save = small ? null : exporter("course", { rows, picture: () => charts.querySelector("svg"), say, link });
  el.append(h("section", { class: `ex ex-course${small ? " ex-compact" : ""}`, "aria-label": "Explorer: one prompt through the training" },
    controls, h("div", { class: "ex-row" }, slide, play), text, answer, legend, small && h("p", { class: "ex-note" }, "The tint is always about the last response, as the model reads it at this point."), live, charts, key, runs, compared, save, small ? null : tableBox));
  show();
  if (small) charts.remove(), compared.remove();
  else arrive("course", el);
  const off = onLook(el, show);
  return () => { halt(); off(); };
};

export default { render };
