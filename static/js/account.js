// Who is logged in here. The token lives in localStorage, so other tabs learn at once when it changes or goes.

import { api } from "./api.js";
import { forget } from "./outbox.js";
import { base, kept } from "./storage.js";

/** How long a new token may take to follow the old one. */
const TOKEN_GRACE_MS = 1_000;

export const account = Object.assign(new EventTarget(), {
  token: kept.get("token"),
  user: kept.get("user"),
  info: null,
});

/** Takes what login, register and password change answer. */
export function logIn({ token, user }) {
  Object.assign(account, { token, user });
  kept.set("token", token);
  kept.set("user", user);
}

/** What the server says about this person now. */
export function setUser(user) {
  account.user = user;
  kept.set("user", user);
  account.dispatchEvent(new Event("user"));
}

/** Ends the login on the server as well; what this person had not sent yet is forgotten here. */
export async function logOut() {
  const { token, user } = account;
  forget(user.userId);
  drop();
  await api.logout(token).catch(() => {}); // offline: the token dies with its time
}

/** Forgets the login, keeps drafts: the person comes back after a new login. */
export function drop() {
  if (kept.get("token") === account.token) {
    kept.remove("token");
    kept.remove("user");
    kept.remove("look");
  }
  Object.assign(account, { token: null, user: null, info: null });
}

export async function changePassword(current, next) {
  logIn(await api.changePassword(account.token, current, next));
  account.dispatchEvent(new Event("token"));
}

/** "alive", "dead", or "unknown" when the server does not answer. */
export async function verify(token) {
  const verdict = await ask(token);
  if (verdict !== "dead") return verdict;
  // A password change kills the old token a moment before the new one is here, maybe through another tab.
  await new Promise((resolve) => setTimeout(resolve, TOKEN_GRACE_MS));
  const now = kept.get("token");
  return now && now !== token ? "alive" : "dead";
}

async function ask(token) {
  try {
    const answer = await api.verify(token);
    if (answer.user) {
      setUser(answer.user);
    }
    return answer.valid ? "alive" : "dead";
  } catch (error) {
    return error.status === 401 ? "dead" : "unknown";
  }
}

export async function loadInfo() {
  account.info = await api.info(account.token);
  account.dispatchEvent(new Event("info"));
  return account.info;
}

/** Where the socket is. The server names the path; it may be served under a sub-path. */
export function socketUrl() {
  const url = new URL(account.info?.wsPath ?? `${base}/ws`, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

export const shownName = () => account.user?.displayName || account.user?.username || "";

kept.watch((name, value) => {
  if (name !== "token" || value === account.token) return;
  account.token = value;
  account.user = kept.get("user");
  account.dispatchEvent(new Event(value ? "token" : "gone"));
});
