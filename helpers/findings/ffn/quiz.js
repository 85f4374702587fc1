/* Chapter 4's quiz: is a list of words from a component, or from a random direction?
 *
 * data.lists: [words, where it comes from ("" for a random direction), did the blind reader find sense].
 * data.rounds: numbers of lists, ten a round, half of them components. Answers by button or key.
 */
const CHOICES = [["component", "A component", "c"], ["random", "A random direction", "r"]];
const truth = (list) => (list[1] ? "component" : "random");
const readerSaid = (list) => (list[2] ? "component" : "random");
const right = (said, list) => said === truth(list);

const render = async ({ model, el }) => {
  const data = model.get("data");
  const lists = await inflateJson(data.lists);
  const link = fragment("quiz");
  const state = { round: link.bounded("round", 1, data.rounds.length, 1), answers: [] };
  const total = { mine: 0, reader: 0, lists: 0 };
  const all = lists.filter((one) => right(readerSaid(one), one)).length / lists.length;
  const [live, say] = status();
  const own = () => data.rounds[state.round - 1].map((at) => lists[at]);
  const count = (said) => own().filter((list, n) => right(said(list, n), list)).length;

  const place = h("p", { class: "ex-note" }, "The fifteen words nearest to a direction. What kind of direction?");
  const words = h("p", { class: "ex-quiz-words" });
  const dots = h("div", { class: "ex-dots", role: "img" });
  const buttons = h("div", { class: "ex-buttons" }, CHOICES.map(([key, text, letter]) =>
    h("button", { type: "button", "aria-keyshortcuts": letter, onclick: () => answer(key) }, text, h("kbd", {}, letter.toUpperCase()))));
  const more = h("button", { type: "button", onclick: () => start(state.round % data.rounds.length + 1, true) }, "Ten more");
  const end = h("div", { hidden: true });

  const mark = () => {
    dots.replaceChildren(...own().map((list, n) => {
      const given = state.answers[n];
      const sign = given ? (right(given, list) ? "✓" : "✗") : n === state.answers.length ? "●" : "○";
      return h("span", { class: given ? (right(given, list) ? "ex-right" : "ex-wrong") : "" }, sign);
    }));
    dots.setAttribute("aria-label", `${state.answers.length} of ${own().length} answered, ${state.answers.filter((given, n) => right(given, own()[n])).length} right`);
  };
  const show = () => {
    const done = state.answers.length === own().length;
    for (const part of [place, words, buttons]) part.hidden = done;
    end.hidden = !done;
    mark();
    if (done) return finish();
    return words.replaceChildren(...own()[state.answers.length][0].split(" ").flatMap((word) => [h("span", {}, shown(word)), " "]));
  };
  const answer = (given) => {
    if (state.answers.length === own().length) return;
    const list = own()[state.answers.length];
    state.answers.push(given);
    say(`${right(given, list) ? "✓ Right" : "✗ No"}: ${list[1] ? `the ${list[1]}` : "a random direction"} (“${list[0].split(" ").slice(0, 3).join(", ")} …”).`);
    show();
  };
  const finish = () => {
    const [mine, reader, n] = [count((_, at) => state.answers[at]), count(readerSaid), own().length];
    total.mine += mine;
    total.reader += reader;
    total.lists += n;
    const so = total.lists > n ? ` So far you: ${total.mine} of ${total.lists}, the blind reader: ${total.reader}.` : "";
    const short = { component: "component", random: "random" };
    const rows = () => [["Words", "It was", "You", "Blind reader"], ...own().map((list, at) =>
      [list[0].split(" ").slice(0, 6).join(" "), truth(list), state.answers[at], readerSaid(list)].map((text) => short[text] ?? text))];
    end.replaceChildren(
      h("p", { class: "ex-score" }, h("b", {}, `You: ${mine} of ${n}.`), ` The blind reader on these: ${reader} of ${n}.${so}`),
      h("p", {}, Math.abs(total.mine - total.lists / 2) <= total.lists / 5 ? "So near to one half, you cannot be told from a coin." : total.lists > n ? "That is away from one half. Are you?" : "Ten lists are few: try ten more."),
      h("p", {}, `The blind reader, a language model, was asked of ${lists.length} lists whether their words share something. Where each yes counts as \u201ccomponent\u201d it was right in ${(10 * all).toFixed(1)} of ten; tossing a coin gives 5.`),
      h("p", {}, more), drawer("The ten lists", rows));
    more.focus({ preventScroll: true });
  };
  const start = (round, byReader) => {
    Object.assign(state, { round, answers: [] });
    if (byReader) say("");
    link.put({ round });
    show();
    if (byReader) buttons.firstChild.focus({ preventScroll: true });
  };
  const box = h("section", { class: "ex ex-quiz", "aria-label": "Quiz: component or random direction?", onkeydown: (event) => {
    const found = CHOICES.find(([, , letter]) => letter === event.key.toLowerCase());
    if (!found || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    answer(found[0]);
  } }, dots, place, words, buttons, end, live);
  el.append(box);
  start(state.round, false);
  arrive("quiz", el);
};

export default { render };
