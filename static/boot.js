// Sets theme and language before the first paint, so that neither flashes; loaded blocking in the head.
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
  paint();
  dark.addEventListener("change", paint);
  const chosen = query.get("lang") || stored("lang");
  const wanted = chosen || (navigator.languages || [navigator.language]).find((code) => /^(zh|en)\b/i.test(code)) || "en";
  root.lang = /^zh/i.test(wanted) ? "zh-CN" : "en";
})();
