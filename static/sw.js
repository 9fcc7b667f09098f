// The service worker: keeps the page of one version, so that it opens without a network. It never decides which
// version runs: the page is asked for at the server first, and what it names lies under an address of its own.

const SHELL = "{{base}}/";
const ASSETS = "{{assets}}/";
const CACHE = `portagent ${ASSETS}`;
const FILES = ["boot.js", "styles/app.css", "js/main.js", "js/words.en.js", "js/words.zh.js", "favicon.svg", "manifest.webmanifest"];
/** A server that does not answer in this time counts as away. */
const TIMEOUT_MS = 4_000;

addEventListener("install", (event) => {
  skipWaiting(); // holds nothing that an open page of another version would ask for
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([SHELL, ...FILES.map((file) => ASSETS + file)])));
});

addEventListener("activate", (event) => event.waitUntil(dropOthers().then(() => clients.claim())));

async function dropOthers() {
  const ours = `portagent ${SHELL}assets/`;
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(ours) && name !== CACHE).map((name) => caches.delete(name)));
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request));
  else if (pathname.startsWith(ASSETS)) event.respondWith(caches.match(request, { cacheName: CACHE }).then((kept) => kept ?? fetch(request)));
});

async function page(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const kept = await caches.match(SHELL, { cacheName: CACHE });
    if (!kept) throw error;
    return kept;
  }
}
