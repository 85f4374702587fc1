/* One prompt before and after tuning: what is answered, and what a response that both read rests on. */
const MODELS = [["base", "Before tuning"], ["tuned", "After tuning"]];

const render = ({ model, el }) => {
  const { segments, unit, models } = model.get("data");
  const link = fragment("before");
  let now = link.known("model", MODELS);
  const most = largest(Object.values(models).flatMap(({ weights }) => segments.map(({ role }) => weights[role] ?? 0)), 1e-9);
  const worth = (value) => (unit === "share" ? `${Math.round(100 * value)} %` : `${value < 0 ? "−" : ""}${fixed(Math.abs(value), 1)} nats`);
  const [live, say] = status();
  const rows = segments.map(({ role, text }) => {
    const [words, weight] = [h("span", { class: "ex-words", dir: "auto" }, visible(text)), h("span", { class: "ex-weight" })];
    return { role, words, weight, row: h("div", { class: "ex-segment" }, h("span", { class: "ex-role" }, role), words, weight) };
  });
  const answer = h("p", { class: "ex-answer", dir: "auto" });
  const verdict = h("p", { class: "ex-note" });

  const draw = () => {
    const { text, followed, weights } = models[now];
    const colour = modelParts(now === "base" ? 0 : 1);
    for (const { role, words, weight } of rows) {
      const ink = colour((weights[role] ?? 0) / most);
      Object.assign(words.style, { background: rgb(ink), color: inkOn(ink) });
      weight.textContent = worth(weights[role] ?? 0);
    }
    answer.textContent = visible(text) || "(empty)";
    answer.style.borderColor = rgb(colour(1));
    verdict.textContent = followed === null ? "" : followed ? "✓ does what was asked" : "✗ does not do what was asked";
    link.put({ model: now });
  };
  const choose = (name) => {
    now = name;
    draw();
    say(`${MODELS.find(([key]) => key === name)[1]}: ${answer.textContent} ${verdict.textContent}`);
  };
  const rest = unit === "share" ? "how its importance is shared out over the prompt" : "what each of its tokens loses (a nat: 2.7 times less likely) when a part of the prompt is blanked";
  el.append(h("section", { class: "ex ex-before", "aria-label": "Explorer: one prompt before and after tuning" },
    choice("The model", MODELS, now, choose),
    h("p", { class: "ex-caption" }, "The prompt"), h("div", { class: "ex-prompt" }, rows.map(({ row }) => row)),
    h("p", { class: "ex-caption" }, "The model’s own response"), answer, verdict,
    h("p", { class: "ex-note" }, `Tint and figure: both models read “${visible(models.tuned.text)}”, the answer given after tuning, and we see ${rest}.`),
    h("div", { class: "ex-unseen" }, live)));
  draw();
  arrive("before", el);
  return onLook(el, draw);
};

export default { render };
