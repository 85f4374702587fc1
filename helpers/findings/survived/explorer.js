/* What survived: claims by controls, a verdict a button. It opens what it rests on, below its claim. */
/* What a reader needs of the rule; the rest is in a mark's title. */
const SAYS = { holds: "the claim is seen again", weaker: "seen, under half as large", gone: "not told apart from nothing", reversed: "the opposite is seen", mixed: "its comparisons differ" };
const MARKS = { holds: "●", weaker: "◐", gone: "○", reversed: "⇄", mixed: "◒", "not testable": "–", "not computed yet": "…" };
const tint = (verdict) => ({ holds: divergeParts(0.55), weaker: divergeParts(0.25), reversed: divergeParts(-0.55) })[verdict];
const COLUMNS = [["reading", "what was compared"], ["verdict", "verdict"], ["n", "n"], ["difference", "difference [95 %]"], ["p", "p (Holm)"], ["seen", "would have been seen"]];

const render = async ({ model, el }) => {
  const { claims, controls, left, rule } = await inflateJson(model.get("data"));
  const link = fragment("survived");
  const [live, say] = status();
  const buttons = claims.map((claim) => claim.cells.map((cell, c) => h("button", { type: "button", tabindex: "-1", "aria-expanded": "false",
    "aria-label": `${claim.text}. ${controls[c].name}: ${cell.verdict}` }, h("span", {}, controls[c].name), `${MARKS[cell.verdict]} ${cell.verdict}`)));
  const behind = h("td", { class: "ex-behind", colspan: controls.length + 1 });
  const opened = h("tr", { hidden: true }, behind);
  let at = [0, 0];

  const rest = (claim, cell, control) => [
    h("p", {}, h("b", {}, `${control.name}: ${cell.verdict}`), ` (${control.asks}). ${claim.said}.`),
    cell.readings.length && table([COLUMNS.map(([, text]) => text), ...cell.readings.map((one) => COLUMNS.map(([key]) => one[key]))]),
    cell.readings.length && h("p", { class: "ex-note" }, `Differences in ${claim.unit} unless the name says otherwise. “Would have been seen”: found in four of five such tests.`),
    cell.why && h("p", { class: "ex-note" }, `${cell.why[0].toUpperCase()}${cell.why.slice(1)}.`),
  ].filter(Boolean);
  const close = () => {
    opened.hidden = true;
    buttons.flat().forEach((button) => button.setAttribute("aria-expanded", "false"));
    link.put({});
  };
  const open = (k, c) => {
    const same = buttons[k][c].getAttribute("aria-expanded") === "true";
    close();
    move(k, c);
    if (same) return say("Closed.");
    buttons[k][c].setAttribute("aria-expanded", "true");
    rows[k].after(opened);
    behind.replaceChildren(...rest(claims[k], claims[k].cells[c], controls[c]));
    opened.hidden = false;
    link.put({ claim: claims[k].key, control: controls[c].name });
    return say(`${controls[c].name}: ${claims[k].cells[c].verdict}, what it rests on is below its claim.`);
  };
  /* One stop for the tab key; arrow keys walk over the table. */
  const move = (k, c) => {
    buttons[at[0]][at[1]].tabIndex = -1;
    at = [Math.min(claims.length - 1, Math.max(0, k)), Math.min(controls.length - 1, Math.max(0, c))];
    buttons[at[0]][at[1]].tabIndex = 0;
  };
  const walk = (event) => {
    const [k, c] = at;
    const next = { ArrowRight: [k, c + 1], ArrowLeft: [k, c - 1], ArrowDown: [k + 1, c], ArrowUp: [k - 1, c], Home: [k, 0], End: [k, controls.length - 1] }[event.key];
    if (event.key === "Escape") close();
    if (!next || event.target.tagName !== "BUTTON") return;
    event.preventDefault();
    move(...next);
    buttons[at[0]][at[1]].focus();
  };
  buttons.forEach((own, k) => own.forEach((button, c) => button.addEventListener("click", () => open(k, c))));
  const rows = claims.map((claim, k) => h("tr", {}, h("th", { scope: "row" }, h("b", {}, `${claim.chapter} `), claim.text, h("span", { class: "ex-note" }, ` (${claim.whose})`)),
    buttons[k].map((button, c) => h("td", { class: claims[k].cells[c].readings.length ? null : "ex-none" }, button))));
  const head = h("tr", {}, h("th", { scope: "col" }, "Claim"), controls.map(({ name, asks }) => h("th", { scope: "col", title: asks }, name)));
  const paint = () => buttons.forEach((own, k) => own.forEach((button, c) => {
    const ink = tint(claims[k].cells[c].verdict);
    button.style.background = ink ? rgb(ink) : "";
    button.style.color = ink ? inkOn(ink) : "";
  }));
  const all = () => [["chapter", "whose", "claim", "unit", "control", "cell", "why", ...COLUMNS.map(([, text]) => text)],
    ...claims.flatMap((claim) => claim.cells.flatMap((cell, c) => (cell.readings.length ? cell.readings : [{}]).map((one) =>
      [claim.chapter, claim.whose, claim.text, claim.unit, controls[c].name, cell.verdict, cell.why, ...COLUMNS.map(([key]) => one[key] ?? "")])))];
  el.append(h("section", { class: "ex", "aria-label": "Explorer: what survived" },
    h("p", { class: "ex-legend" }, Object.keys(rule).map((verdict) => h("span", { title: rule[verdict] }, `${MARKS[verdict]} ${verdict}${SAYS[verdict] ? `: ${SAYS[verdict]}` : ""}`))),
    h("p", { class: "ex-note ex-narrow" }, "Controls without a verdict are left out at this width; the table below has them."),
    left.length ? h("p", { class: "ex-note" }, `No column, because no claim has a verdict there yet: ${left.join(", ")}.`) : null,
    h("table", { class: "ex-verdicts", onkeydown: walk }, h("thead", {}, head), h("tbody", {}, rows)),
    live,
    h("div", { class: "ex-export", role: "group", "aria-label": "Save what is shown" },
      h("button", { type: "button", onclick: () => download("what-survived.csv", new Blob([csv(all())], { type: "text/csv" })) }, "CSV"),
      h("button", { type: "button", onclick: () => { link.write(); navigator.clipboard?.writeText(location.href).then(() => say("Link copied."), () => say(location.href)); } }, "Copy link")),
    drawer("The same as a table", all)));
  move(0, 0);
  const [claim, control] = [link.get("claim", ""), link.get("control", "")];
  const [k, c] = [claims.findIndex(({ key }) => key === claim), controls.findIndex(({ name }) => name === control)];
  if (k >= 0 && c >= 0) open(k, c);
  paint();
  arrive("survived", el);
  return onLook(el, paint);
};

export default { render };
