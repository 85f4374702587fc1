/* What all explorers share. Joined in front of an explorer's own module; it imports nothing.
 *
 * h(tag, props, ...children)   builds DOM; strings become text nodes, never HTML
 * svg(tag, props, ...children) the same for SVG
 * select / slider / choice / search / checkbox   labelled native controls
 * status / table / drawer / folded / swatch / tokenRow   parts that several explorers show
 * largest(values, least)       Math.max of any number of values
 * visible / shown / partsOf    texts and tokens as they are shown
 * inflate, inflateLevels, inflateText, inflateJson   unpack what base.py squeezed
 * shadeParts / modelParts / divergeParts   colour-blind-safe colours for 0..1 and -1..1, light and dark
 * fragment(name)               an explorer's state in the page's address, `#name.key=value&...`
 * arrive(name, el)             scrolls to the explorer whose state the page was opened with
 * pieces()                     long work in short pieces, so that the page stays usable
 * exporter(...)                buttons for CSV, SVG, PNG and a link to the view
 * Every control is a native element with a label; colours never carry a meaning alone.
 */
const SVG = "http://www.w3.org/2000/svg";

const build = (element, props, children) => {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  for (const child of children.flat()) if (child != null && child !== false) element.append(child);
  return element;
};
const h = (tag, props, ...children) => build(document.createElement(tag), props, children);
const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);
const largest = (values, least = -Infinity) => values.reduce((most, value) => Math.max(most, value), least);
const mean = (values) => (values.length ? values.reduce((a, b) => a + b, 0) / values.length : NaN);
const fixed = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : "–");

/* Characters that XML forbids are shown as their pictures (U+2400 and on), and written so too. */
const visible = (text) =>
  text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, (c) => (c < " " ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : "\uFFFD"));
const shown = (token) => visible(token).replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll("\r", "␍") || "∅";
/* Tokens as they are shown, each { text, part }: a character made of several tokens is shown at its
 * first, and the others (empty, or no whole character) carry their number, from 2, as `part`.
 */
const partsOf = (tokens) => {
  let [first, part] = ["", 1];
  return tokens.map((token, n) => {
    const goes = n > 0 && (token === "" || (/^\uFFFD+$/.test(token) && /\uFFFD$/.test(tokens[n - 1])));
    [first, part] = goes ? [first, part + 1] : [shown(token), 1];
    return goes ? { text: String(part).replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]), name: `part ${part} of ${first}`, part } : { text: first, name: first, part: 0 };
  });
};

/* Each explorer is a module of its own: they count together, so that names are unique in a page. */
const nextNumber = () => (globalThis.explorerControls = (globalThis.explorerControls ?? 0) + 1);
const labelled = (label, control) => {
  control.id = `explorer-control-${nextNumber()}`;
  return h("div", { class: "ex-control" }, h("label", { for: control.id }, label), control);
};

const select = (label, options, value, onchange) => {
  const control = h("select", { onchange: () => onchange(control.value) });
  const fill = (items, chosen) => {
    control.replaceChildren(...items.map(([key, text]) => h("option", { value: key }, text)));
    control.value = chosen;
  };
  fill(options, value);
  return Object.assign(labelled(label, control), { fill, control });
};

const slider = (label, { min, max, step, value }, oninput) => {
  const shown = h("output", {}, String(value));
  const control = h("input", { type: "range", min, max, step });
  control.value = value;
  control.addEventListener("input", () => {
    shown.textContent = control.value;
    oninput(Number(control.value));
  });
  const whole = labelled(label, control);
  whole.append(shown);
  return Object.assign(whole, {
    control,
    put: (next) => {
      control.value = next;
      shown.textContent = String(next);
    },
    /* A new largest value; the value that is left, which the browser lowers if it must. */
    limit: (max) => {
      control.max = max;
      shown.textContent = control.value;
      return Number(control.value);
    },
  });
};

const search = (label, value, oninput) => {
  const control = h("input", { type: "search", autocomplete: "off", oninput: () => oninput(control.value.trim().toLowerCase()) });
  control.value = value;
  return Object.assign(labelled(label, control), { control });
};
const checkbox = (label, value, onchange) => {
  const control = h("input", { type: "checkbox", onchange: () => onchange(control.checked) });
  control.checked = value;
  return h("label", { class: "ex-check" }, control, label);
};

const choice = (label, options, value, onchange) => {
  const name = `explorer-choice-${nextNumber()}`;
  const buttons = options.map(([key, text]) => {
    const input = h("input", { type: "radio", name, value: key, onchange: () => onchange(key) });
    input.checked = key === value;
    return [input, h("label", {}, input, text)];
  });
  const whole = h("fieldset", { class: "ex-choice" }, h("legend", {}, label), buttons.map((b) => b[1]));
  const reason = h("span", { class: "ex-note" });
  whole.put = (next) => buttons.forEach(([input]) => (input.checked = input.value === next));
  /* Switched off with a reason; on again without one. */
  whole.refuse = (why) => {
    whole.disabled = Boolean(why);
    reason.textContent = why;
    if (why) whole.append(reason);
    else reason.remove();
  };
  return whole;
};

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
/* Undo helpers.pages.explorer.squeeze: inflate, then put the bytes of each number together again. */
const inflate = async (text, Kind = Uint8Array) => {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const [size, n] = [Kind.BYTES_PER_ELEMENT, planes.length / Kind.BYTES_PER_ELEMENT];
  if (size === 1) return new Kind(planes.buffer);
  const whole = new Uint8Array(planes.length);
  for (let at = 0; at < n; at += 1) for (let k = 0; k < size; k += 1) whole[at * size + k] = planes[k * n + at];
  return new Kind(whole.buffer);
};
const inflateLevels = async ({ step, levels }) => Float32Array.from(await inflate(levels, Uint16Array), (x) => x * step);
const inflateText = async (text) => new TextDecoder().decode(await inflate(text)).split("\n");
const inflateJson = async (text) => JSON.parse((await inflateText(text)).join("\n"));
const isDark = () => {
  const theme = document.documentElement.dataset.theme;
  if (theme === "dark" || theme === "light") return theme === "dark";
  return matchMedia("(prefers-color-scheme: dark)").matches;
};
/* Draw anew in another theme, and where `el` has another width: a phone is turned, a window narrowed. */
const onLook = (el, redraw) => {
  let width = el.clientWidth;
  const theme = new MutationObserver(redraw);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  const size = new ResizeObserver(() => {
    if (width === el.clientWidth || !el.clientWidth) return;
    width = el.clientWidth;
    redraw();
  });
  size.observe(el);
  return () => { theme.disconnect(); size.disconnect(); };
};
/* A line that is read out when it changes, and the function that changes it. */
const status = () => {
  const line = h("p", { class: "ex-say", role: "status", "aria-live": "polite" });
  return [line, (text) => { line.textContent = text; }];
};
const table = ([head, ...body], props = {}) => h("table", props,
  h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, shown(String(text)))))),
  h("tbody", {}, body.map((row) => h("tr", {}, row.map((text) => h("td", {}, shown(String(text))))))));
/* "The same as a table", filled while it is open: thousands of cells that nobody sees cost time. */
const drawer = (title, rows) => {
  const box = h("div", {});
  const whole = h("details", { ontoggle: () => whole.fill() }, h("summary", {}, title), box);
  whole.fill = () => box.replaceChildren(...(whole.open ? [table(rows())] : []));
  return whole;
};
/* What comes second: open where there is room, folded on a telephone. */
const folded = (el, title, props, ...children) => h("details", { open: el.clientWidth >= 700, ...props }, h("summary", {}, title), children);
const swatch = (parts) => { const box = h("i", { "aria-hidden": "true" }); box.style.background = rgb(parts); return box; };

/* A text as a row of tokens (`partsOf`). paint(tints, colour) changes those whose tint has changed. */
const tokenRow = (tokens, parts, classOf, tag = "span") => {
  const chips = parts.map(({ text, part }, n) => h(tag, { class: `ex-token ${classOf(n)}${part ? " ex-part" : ""}`, dir: "auto" }, text));
  const row = h("div", { class: "ex-tokens" }, chips.flatMap((chip, n) => (tokens[n].includes("\n") ? [chip, h("span", { class: "ex-break" })] : [chip])));
  const painted = new Float64Array(tokens.length);
  const paint = (tints, colour, changed = () => {}) => chips.forEach((chip, n) => {
    const t = tints[n];
    if (painted[n] === t) return;
    painted[n] = t;
    const ink = colour(t);
    chip.style.background = t ? rgb(ink) : "";
    chip.style.color = t ? inkOn(ink) : "";
    changed(chip, n, t);
  });
  return { row, chips, paint };
};

const mix = (from, to, t) => from.map((x, i) => Math.round(x + (to[i] - x) * t));
const rgb = (parts) => `rgb(${parts.join(" ")})`;
const paper = () => (isDark() ? [24, 28, 34] : [255, 255, 255]);
/* One hue whose lightness falls (rises in the dark) evenly, so that it reads without colour too. */
const bounded01 = (t) => Math.min(1, Math.max(0, t));
const shadeParts = (t) => mix(paper(), isDark() ? [247, 178, 103] : [122, 60, 10], bounded01(t) * 0.85);
/* One colour a model (0 base, 1 tuned) in every explorer; more and less have colours of their own. */
const MODEL_INK = (m) => [() => (isDark() ? [126, 176, 226] : [38, 84, 130]), () => (isDark() ? [243, 160, 106] : [176, 78, 22])][m]();
const modelParts = (m) => (t) => mix(paper(), MODEL_INK(m), bounded01(t) * 0.85);
const SIGN_INK = (t) => (t < 0 ? (isDark() ? [198, 160, 214] : [112, 42, 130]) : (isDark() ? [140, 205, 150] : [22, 110, 60]));
const divergeParts = (t) => mix(paper(), SIGN_INK(t), bounded01(Math.abs(t)) * 0.85);
/* Black or white text, whichever stands out more against a colour (WCAG's relative luminance). */
const inkOn = (parts) => {
  const [r, g, b] = parts.map((x) => (x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
};

/* Explorers write into the address later on: what the page was opened with is kept. */
const OPENED_WITH = (globalThis.explorerOpenedWith ??= location.hash);

const fragment = (name) => {
  const read = () => new URLSearchParams(location.hash.slice(1));
  let [first, latest, written] = [null, {}, false];
  /* One's own keys go last, so that the last ones are of the explorer that was used last. */
  const write = () => {
    const all = read();
    for (const key of [...all.keys()]) if (!key.includes(".")) all.delete(key); // a heading's anchor
    for (const [key, value] of Object.entries(latest)) {
      all.delete(`${name}.${key}`);
      all.append(`${name}.${key}`, value);
    }
    written = true;
    try {
      history.replaceState(null, "", `#${all}`);
    } catch {
      /* a page without an address of its own (a mailed file in a frame) keeps no link */
    }
  };
  const get = (key, fallback) => read().get(`${name}.${key}`) ?? fallback;
  return {
    get,
    /* What the address says if it is one of the options ([key, text]), or a number in bounds that the
     * control can stand at (whole unless `step` says otherwise), or words. */
    known(key, options, fallback = options[0][0]) {
      const value = get(key, fallback);
      return options.some(([option]) => option === value) ? value : fallback;
    },
    bounded(key, low, high, fallback, step = 1) {
      const text = get(key, "");
      const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
      return value >= low && value <= high && Number.isInteger((value - low) / step) ? value : fallback;
    },
    words: (key) => visible(get(key, "")).slice(0, 80).trim().toLowerCase(),
    /* The state that an explorer opens with is not written: the page keeps its plain address. */
    put(values) {
      latest = { ...values };
      first ??= JSON.stringify(values);
      if (written || JSON.stringify(values) !== first) write();
    },
    write,
  };
};

/* Scroll to the explorer that the page's address names last: at once, and again while the page above
 * it still grows, until the reader acts. A jump, not a movement; the focus stays where it is.
 */
const arrive = (name, el) => {
  const named = [...new URLSearchParams(OPENED_WITH.slice(1)).keys()].at(-1) ?? "";
  const again = ["reload", "back_forward"].includes(performance.getEntriesByType("navigation")[0]?.type);
  if (again || globalThis.explorerArrived || !named.startsWith(`${name}.`)) return;
  globalThis.explorerArrived = true;
  const watcher = new ResizeObserver(() => el.scrollIntoView({ behavior: "instant", block: "start" }));
  const stop = () => watcher.disconnect();
  for (const act of ["wheel", "touchstart", "pointerdown", "keydown"]) addEventListener(act, stop, { once: true, passive: true });
  const soon = () => setTimeout(stop, 2000);
  if (document.readyState === "complete") soon();
  else addEventListener("load", soon, { once: true });
  watcher.observe(document.body);
};

/* run(count, piece, done): piece(0), piece(1) ... for some milliseconds at a time, the first ones at
 * once, then done(). A new run ends the one before.
 */
const pieces = () => {
  let newest = 0;
  return (count, piece, done) => {
    newest += 1;
    const mine = newest;
    let at = 0;
    const go = () => {
      if (mine !== newest) return;
      for (const end = performance.now() + 8; at < count && performance.now() < end; at += 1) piece(at);
      if (at < count) setTimeout(go);
      else done();
    };
    go();
  };
};

const download = (file, blob) => {
  const link = h("a", { download: file, href: URL.createObjectURL(blob) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
/* What a spreadsheet would run as a formula (= + - @, also in full width, at the start or where a
 * semicolon, tab or new line may split a cell) gets an apostrophe; numbers are left as they are.
 */
const csvCell = (value) => {
  const text = visible(String(value ?? ""));
  const numbers = text.split(" ").every((part) => part && !Number.isNaN(Number(part)));
  const safe = numbers ? text : text.replace(/^(?=[\t\r\n]|\s*[=+\-@＝＋－＠])|(?<=[;\t\r\n]\s*)(?=[=+\-@＝＋－＠])/g, "'");
  return /[",;\t\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csv = (rows) => rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";

const asSvgText = (picture) => {
  const copy = picture.cloneNode(true);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("color", getComputedStyle(picture).color);
  copy.prepend(svg("rect", { width: "100%", height: "100%", fill: rgb(paper()) }));
  return visible(new XMLSerializer().serializeToString(copy));
};
const savePng = async (file, picture) => {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asSvgText(picture))}`;
  await image.decode();
  const [width, height] = [picture.width.baseVal.value, picture.height.baseVal.value];
  const canvas = h("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  if (!blob) throw new Error("it is too large");
  download(file, blob);
};

const exporter = (name, { rows, picture, say, link }) => {
  const button = (text, action) => h("button", { type: "button", onclick: action }, text);
  return h(
    "div",
    { class: "ex-export", role: "group", "aria-label": "Save what is shown" },
    button("CSV", () => download(`${name}.csv`, new Blob([csv(rows())], { type: "text/csv" }))),
    button("SVG", () => download(`${name}.svg`, new Blob([asSvgText(picture())], { type: "image/svg+xml" }))),
    button("PNG", () => savePng(`${name}.png`, picture()).catch((error) => say(`No PNG could be made of the picture (${error.message}): take the SVG.`))),
    button("Copy link", async () => {
      link.write();
      try {
        await navigator.clipboard.writeText(location.href);
        say("Link copied.");
      } catch {
        say(`The link to this view is the address of the page: ${location.href}`);
      }
    }),
  );
};
