/* A strip of dots, one a thing, placed by its value; the pointer opens the nearest, arrow keys the next.
 *
 * draw(points, at): points { key, value, text, faint }, `at` the key of the one that is open. Faint
 * ones keep their place and cannot be opened.
 */
const dotStrip = (label, [less, more], open) => {
  const HEIGHT = 74;
  const picture = svg("svg", { height: HEIGHT + 22, role: "img" });
  const under = h("p", { class: "ex-note ex-under" });
  let [dots, held] = [[], null];
  const tell = (dot) => { under.textContent = dot ? `${dot.value < 0 ? "−" : "+"}${Math.abs(dot.value).toFixed(2)}: ${dot.text}` : ""; };
  const nearest = ({ clientX, clientY }) => {
    const box = picture.getBoundingClientRect();
    const off = (dot) => Math.hypot(dot.x - clientX + box.left, dot.y - clientY + box.top);
    return dots.reduce((best, dot) => (!dot.faint && (!best || off(dot) < off(best)) ? dot : best), null);
  };
  const walk = (event) => {
    const order = dots.filter((dot) => !dot.faint || dot.key === held);
    const now = order.findIndex((dot) => dot.key === held);
    const next = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: order.length - 1 }[event.key];
    if (!order[next]) return;
    event.preventDefault();
    open(order[next].key);
  };
  picture.addEventListener("click", (event) => { const dot = nearest(event); if (dot) open(dot.key); });
  picture.addEventListener("pointermove", (event) => tell(nearest(event)));
  picture.addEventListener("pointerleave", () => tell(dots.find((dot) => dot.key === held)));
  const box = h("div", { class: "ex-strip", tabindex: "0", role: "group", "aria-label": `${label}: the arrow keys open the next`, onkeydown: walk }, picture);

  const draw = (points, at) => {
    const width = Math.max(260, box.clientWidth);
    const most = largest(points.map(({ value }) => Math.abs(value)), 0.05);
    const pitch = width < 600 ? 5 : 7;
    const x = (value) => width / 2 + (value / most) * (width / 2 - 14);
    /* Dots stand on each other; what finds its column full goes to the nearest that is not. */
    const [columns, full] = [new Map(), Math.max(Math.floor(HEIGHT / pitch) - 1, Math.ceil((pitch * points.length) / width))];
    held = at;
    dots = [...points].sort((a, b) => a.value - b.value).map((point) => {
      const own = Math.round(x(point.value) / pitch);
      let off = 0;
      while ((columns.get(own + off) ?? 0) >= full) off = off > 0 ? -off : 1 - off;
      const [column, k] = [own + off, (columns.get(own + off) ?? 0) + 1];
      columns.set(column, k);
      return { ...point, x: column * pitch, y: HEIGHT - (k * (HEIGHT - pitch)) / full };
    });
    const words = (text, at, anchor) => svg("text", { x: at, y: HEIGHT + 16, "text-anchor": anchor, "font-size": 11, fill: "currentColor" }, text);
    const average = mean(points.map(({ value }) => value));
    const line = (value, props) => svg("line", { x1: x(value), x2: x(value), y1: 0, y2: HEIGHT, stroke: "currentColor", ...props });
    picture.setAttribute("width", width);
    picture.setAttribute("aria-label", `${label}: ${points.length} dots from ${(-most).toFixed(2)} to ${most.toFixed(2)}, mean ${average.toFixed(2)}`);
    picture.replaceChildren(
      svg("line", { x1: 0, x2: width, y1: HEIGHT, y2: HEIGHT, stroke: "currentColor", opacity: 0.4 }),
      line(0, { opacity: 0.4 }),
      ...(points.length ? [line(average, { "stroke-dasharray": "3 3" })] : []),
      ...dots.map((dot) => svg("circle", { cx: dot.x, cy: dot.y, r: dot.key === at ? 6 : pitch / 2 - 0.5, class: dot.key === at ? "ex-open" : null, opacity: dot.faint ? 0.15 : 1,
        fill: dot.value ? rgb(dot.key === at ? SIGN_INK(dot.value) : divergeParts(Math.sign(dot.value) * 0.6)) : "gray", stroke: dot.key === at ? "currentColor" : null })),
      words(`← ${less}`, 4, "start"), words("0", x(0), "middle"), words(`${more} →`, width - 4, "end"));
    tell(dots.find((dot) => dot.key === at));
  };
  return { box, under, draw };
};
