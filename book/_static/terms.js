/* Tooltips for the glossary's terms: on hover, on focus and at the first tap. Without this script the
 * same words are the link's title.
 */
(() => {
  "use strict";
  if (globalThis.termTips) return;
  globalThis.termTips = true;
  const tip = document.createElement("div");
  Object.assign(tip, { id: "term-tip", className: "term-tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  let shown = null;
  let tapped = false;

  const hide = () => {
    tip.hidden = true;
    shown?.removeAttribute("aria-describedby");
    shown = null;
  };
  const show = (link) => {
    hide();
    shown = link;
    tip.textContent = link.dataset.term;
    tip.hidden = false;
    link.setAttribute("aria-describedby", tip.id);
    const [at, room] = [link.getClientRects()[0], document.documentElement.clientWidth];
    const left = Math.max(8, Math.min(at.left, room - tip.offsetWidth - 8));
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 4 ? above : at.bottom + 6) + scrollY}px`;
  };
  const start = () => {
    document.body.append(tip);
    for (const link of document.querySelectorAll("a[title]:has(> .std-term)")) {
      link.dataset.term = link.title;
      link.removeAttribute("title");
      link.classList.add("term");
      link.addEventListener("pointerenter", ({ pointerType }) => { if (pointerType !== "touch") show(link); });
      link.addEventListener("pointerleave", ({ pointerType }) => { if (pointerType !== "touch") hide(); });
      link.addEventListener("pointerdown", ({ pointerType }) => { tapped = pointerType === "touch" && shown !== link; });
      link.addEventListener("focus", () => { if (!tapped) show(link); });
      link.addEventListener("blur", hide);
      link.addEventListener("click", (event) => {
        if (!tapped) return;
        event.preventDefault(); // the first tap tells, the second follows
        tapped = false;
        show(link);
      });
    }
    addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
    addEventListener("pointerdown", ({ target }) => { if (shown && !shown.contains(target)) hide(); });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
