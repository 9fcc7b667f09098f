// What the browser keeps for us. Storage can be switched off or full: then we work without it.

const meta = document.querySelector('meta[name="base"]')?.content ?? "";
/** "" or the sub-path we are served under, like "/chat". */
export const base = meta.includes("{{") ? "" : meta;
const PREFIX = `portagent${base}:`;

function attempt(work, otherwise = null) {
  try { return work(); } catch { return otherwise; }
}

/** Values for this address, kept until they are removed. They are JSON. */
export const kept = {
  get: (name) => attempt(() => JSON.parse(localStorage.getItem(PREFIX + name))),
  set: (name, value) => attempt(() => { localStorage.setItem(PREFIX + name, JSON.stringify(value)); return true; }, false),
  remove: (name) => attempt(() => localStorage.removeItem(PREFIX + name)),
  /** The names that begin with `start`. */
  names: (start) => attempt(() => Object.keys(localStorage), [])
    .filter((key) => key.startsWith(PREFIX + start)).map((key) => key.slice(PREFIX.length)),
  /** Calls back with (name, value) when another tab changed something. */
  watch: (callback) => addEventListener("storage", (event) => {
    if (event.key?.startsWith(PREFIX)) callback(event.key.slice(PREFIX.length), attempt(() => JSON.parse(event.newValue)));
  }),
};

/** Choices that boot.js reads before the first paint; shared by all servers of this address, stored as plain words. */
export const choice = {
  get: (name) => attempt(() => localStorage.getItem(name)),
  set: (name, value) => attempt(() => localStorage.setItem(name, value)),
};

/** This tab's own name; it survives a reload, another tab has another. */
export const tab = attempt(() => {
  const name = sessionStorage.getItem(`${PREFIX}tab`) ?? newId();
  sessionStorage.setItem(`${PREFIX}tab`, name);
  return name;
}) ?? newId();

/** A random UUID. Plain http on a home network has no `crypto.randomUUID`. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
