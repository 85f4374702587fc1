/* What all explorers share. Joined in front of an explorer's own module; it imports nothing.
 *
 * h(tag, props, ...children)   builds DOM; strings become text nodes, never HTML
 * svg(tag, props, ...children) the same for SVG
 * select / slider / choice     labelled native controls
 * inflate, inflateLevels, inflateText, inflateJson   unpack what base.py squeezed
 * shade / diverge              colour-blind-safe colours for 0..1 and -1..1, in light and dark
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
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
};
const h = (tag, props, ...children) => build(document.createElement(tag), props, children);
const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);

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
const onTheme = (redraw) => {
  const watcher = new MutationObserver(redraw);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => watcher.disconnect();
};
const mix = (from, to, t) => from.map((x, i) => Math.round(x + (to[i] - x) * t));
const rgb = (parts) => `rgb(${parts.join(" ")})`;
const paper = () => (isDark() ? [24, 28, 34] : [255, 255, 255]);
/* One hue whose lightness falls (rises in the dark) evenly, so that it reads without colour too. */
const bounded01 = (t) => Math.min(1, Math.max(0, t));
const shadeParts = (t) => mix(paper(), isDark() ? [247, 178, 103] : [122, 60, 10], bounded01(t) * 0.85);
const BASE_INK = () => (isDark() ? [126, 176, 226] : [38, 84, 130]);
const TUNED_INK = () => (isDark() ? [243, 160, 106] : [176, 78, 22]);
const divergeParts = (t) => mix(paper(), t < 0 ? BASE_INK() : TUNED_INK(), bounded01(Math.abs(t)) * 0.85);
const shade = (t) => rgb(shadeParts(t));
const diverge = (t) => rgb(divergeParts(t));
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
    /* What the address says if it is one of the options ([key, text]) or a number in bounds. */
    known(key, options, fallback = options[0][0]) {
      const value = get(key, fallback);
      return options.some(([option]) => option === value) ? value : fallback;
    },
    bounded(key, low, high, fallback) {
      const value = Number(get(key, fallback));
      return value >= low && value <= high ? value : fallback;
    },
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
const csvCell = (value) => {
  const text = String(value ?? "");
  /* A leading = + - @ would be run as a formula by a spreadsheet; numbers are left as they are. */
  const numbers = text.split(" ").every((part) => part && !Number.isNaN(Number(part)));
  const safe = /^[=+\-@\t\r]/.test(text) && !numbers ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};
const csv = (rows) => rows.map((row) => row.map(csvCell).join(",")).join("\r\n") + "\r\n";

const asSvgText = (picture) => {
  const copy = picture.cloneNode(true);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("color", getComputedStyle(picture).color);
  copy.prepend(svg("rect", { width: "100%", height: "100%", fill: rgb(paper()) }));
  return new XMLSerializer().serializeToString(copy);
};
const savePng = (file, picture) =>
  new Promise((resolve) => {
    const image = new Image();
    image.onload = () => {
      const [width, height] = [picture.width.baseVal.value, picture.height.baseVal.value];
      const canvas = h("canvas", { width: 2 * width, height: 2 * height });
      canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
      canvas.toBlob((blob) => resolve(download(file, blob)), "image/png");
    };
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(asSvgText(picture))}`;
  });

const exporter = (name, { rows, picture, say, link }) => {
  const button = (text, action) => h("button", { type: "button", onclick: action }, text);
  return h(
    "div",
    { class: "ex-export", role: "group", "aria-label": "Save what is shown" },
    button("CSV", () => download(`${name}.csv`, new Blob([csv(rows())], { type: "text/csv" }))),
    button("SVG", () => download(`${name}.svg`, new Blob([asSvgText(picture())], { type: "image/svg+xml" }))),
    button("PNG", () => savePng(`${name}.png`, picture())),
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
