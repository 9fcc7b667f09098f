// Runs in the head, before the first paint: sets theme and language so that neither flashes, says which of the two
// empty frames in the page to show, and asks for the words while the script is on its way.
// ?theme=dark and ?lang=zh choose for one visit, what the buttons stored chooses for good, else the browser does.
(() => {
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const stored = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    root.dataset.theme = (query.get("theme") || stored("theme") || (dark.matches ? "dark" : "light")) === "dark" ? "dark" : "light";
  };
  const tint = () => {
    document.querySelector("meta[name=theme-color]").content = root.dataset.theme === "dark" ? "#1b1916" : "#faf8f3";
  };
  paint();
  tint();
  dark.addEventListener("change", paint);
  new MutationObserver(tint).observe(root, { attributeFilter: ["data-theme"] });
  const chosen = query.get("lang") || stored("lang");
  const wanted = chosen || (navigator.languages || [navigator.language]).find((code) => /^(zh|en)\b/i.test(code)) || "en";
  root.lang = /^zh/i.test(wanted) ? "zh-CN" : "en";
  const words = document.createElement("link");
  words.rel = "modulepreload";
  words.href = new URL(`js/words.${root.lang.slice(0, 2)}.js`, document.currentScript.src);
  document.head.append(words);
  if (stored("nav") === "closed") root.dataset.nav = "closed";
  const base = document.querySelector("meta[name=base]").content;
  if (stored(`portagent${base}:token`)) root.dataset.known = "";
})();
