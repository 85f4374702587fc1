/* Shows the explorers of a static page: no kernel, no other host.
 *
 * Jupyter Book stores the state of every widget in the page. Each explorer here is an anywidget: its
 * state holds its own ES module (`_esm`) and style sheet (`_css`). This script imports the module
 * from a Blob and calls `render({model, el})` with a small model that has the methods of anywidget's
 * (get, set, save_changes, on, off) and `static: true`. The page includes every script of `_static`
 * and may include this one twice: a mounted view is marked, and never mounted again.
 */
(() => {
  "use strict";
  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

  const decode = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new DataView(bytes.buffer);
  };

  /* Binary traits lie beside the state, each with the path it belongs to. */
  const restoreBuffers = ({ state, buffers = [] }) => {
    const whole = structuredClone(state);
    for (const { path, data } of buffers) {
      const owner = path.slice(0, -1).reduce((at, key) => at[key], whole);
      owner[path.at(-1)] = decode(data);
    }
    return whole;
  };

  const staticModel = (state) => {
    const listeners = new Map();
    const changed = new Set();
    const fire = (name, ...rest) => [...(listeners.get(name) ?? [])].forEach((f) => f(...rest));
    const model = {
      static: true,
      get: (key) => state[key],
      set(key, value) {
        if (typeof key === "object") return Object.entries(key).forEach(([k, v]) => model.set(k, v));
        if (Object.is(state[key], value)) return undefined;
        state[key] = value;
        changed.add(key);
        fire(`change:${key}`, model, value);
        return undefined;
      },
      save_changes() {
        if (changed.size) fire("change", model);
        changed.clear();
      },
      on(names, listener) {
        for (const name of names.split(/\s+/)) {
          if (!listeners.has(name)) listeners.set(name, new Set());
          listeners.get(name).add(listener);
        }
      },
      off(names, listener) {
        if (!names) return listeners.clear();
        for (const name of names.split(/\s+/)) {
          if (listener) listeners.get(name)?.delete(listener);
          else listeners.delete(name);
        }
        return undefined;
      },
      send() {},
    };
    return model;
  };

  const modules = new Map();
  const importModule = (text) => {
    if (!modules.has(text)) {
      const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      modules.set(text, import(address).finally(() => URL.revokeObjectURL(address)));
    }
    return modules.get(text);
  };

  const addStyle = (text, id) => {
    if (!text || document.querySelector(`style[data-explorer="${CSS.escape(id)}"]`)) return;
    const style = document.createElement("style");
    style.dataset.explorer = id;
    style.textContent = text;
    document.head.append(style);
  };

  const models = new Map();
  const modelOf = (id, entry) => {
    if (!models.has(id)) models.set(id, { model: staticModel(restoreBuffers(entry)), ready: null });
    return models.get(id);
  };

  const mount = async (script, all) => {
    const id = JSON.parse(script.textContent).model_id;
    const entry = all[id];
    if (!entry || typeof entry.state?._esm !== "string") return;
    const el = document.createElement("div");
    el.className = "explorer";
    script.after(el);
    try {
      const held = modelOf(id, entry);
      const module = await importModule(entry.state._esm);
      const widget = module.default ?? module;
      const parts = typeof widget === "function" ? await widget() : widget;
      addStyle(entry.state._css, entry.state._anywidget_id ?? id);
      held.ready ??= Promise.resolve(parts.initialize?.({ model: held.model }));
      await held.ready;
      await parts.render({ model: held.model, el });
      el.dataset.mounted = "true";
    } catch (error) {
      el.replaceChildren();
      el.setAttribute("role", "alert");
      el.textContent = `This explorer could not be shown: ${error.message ?? error}`;
    }
  };

  const mountAll = () => {
    const all = {};
    for (const script of document.querySelectorAll(STATE)) {
      Object.assign(all, JSON.parse(script.textContent).state);
    }
    /* Explorers that share a module or a style hold it once; the others name who holds it. */
    for (const { state } of Object.values(all)) {
      for (const key of ["_esm", "_css"]) if (state[key]?.same_as) state[key] = all[state[key].same_as].state[key];
    }
    for (const script of document.querySelectorAll(VIEW)) {
      if (script.dataset.mounted) continue;
      script.dataset.mounted = "true";
      mount(script, all);
    }
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mountAll);
  else mountAll();
})();
