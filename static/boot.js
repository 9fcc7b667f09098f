// Runs in the head, before the first paint: sets theme and language so that neither flashes, says which of the two
// empty frames in the page to show, and asks for the words while the script is on its way.
// ?theme=dark and ?lang=zh choose for one visit, then the account that is logged in, then what the buttons stored, else
// the browser does.
(() => {
  const root = document.documentElement;
  const query = new URLSearchParams(location.search);
  const stored = (name) => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const base = document.querySelector("meta[name=base]").content;
  const ofAccount = () => {
    try { return JSON.parse(stored(`portagent${base}:look`)) || {}; } catch { return {}; }
  };
  const look = () => {
    const own = ofAccount();
    const theme = query.get("theme") || own.theme || stored("theme") || (dark.matches ? "dark" : "light");
    const chosen = query.get("lang") || own.language || stored("lang");
    const language = chosen || (navigator.languages || [navigator.language]).find((code) => /^(zh|en)\b/i.test(code)) || "en";
    return { theme: theme === "dark" ? "dark" : "light", language: /^zh/i.test(language) ? "zh" : "en" };
  };
  globalThis.lookOfPage = look; // for js/look.js, when it changes later
  const paint = () => { root.dataset.theme = look().theme; };
  const tint = () => {
    document.querySelector("meta[name=theme-color]").content = root.dataset.theme === "dark" ? "#1b1916" : "#faf8f3";
  };
  paint();
  tint();
  dark.addEventListener("change", paint);
  new MutationObserver(tint).observe(root, { attributeFilter: ["data-theme"] });
  root.lang = look().language === "zh" ? "zh-CN" : "en";
  const words = document.createElement("link");
  words.rel = "modulepreload";
  words.href = new URL(`js/words.${root.lang.slice(0, 2)}.js`, document.currentScript.src);
  document.head.append(words);
  if (stored("nav") === "closed") root.dataset.nav = "closed";
  if (stored(`portagent${base}:token`)) root.dataset.known = "";
})();
