// The HTTP interface: accounts and facts about the server. Conversations go over the socket.

import { base } from "./storage.js";

const TIMEOUT_MS = 20_000;
/** Where the server asks providers first. */
const ASK_MS = 90_000;

/** Something that did not work, with the server's stable code. `offline` and `timeout` are ours. */
export class Failure extends Error {
  constructor({ code, message, status = 0, hint = null, retryAfter = null, ticket = null }) {
    super(message || code);
    this.code = code;
    this.status = status;
    this.hint = hint;
    /** For the second step of a log-in. */
    this.ticket = ticket;
    /** Seconds. */
    this.retryAfter = retryAfter;
  }
}

/** One request; `timeout` in ms for those that may take longer. */
export async function call(method, path, { body, token, timeout = TIMEOUT_MS } = {}) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(base + path, {
      method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit",
      signal: AbortSignal.timeout(timeout),
    });
  } catch (error) {
    throw new Failure({ code: error.name === "TimeoutError" ? "timeout" : "offline" });
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Failure({
    status: response.status,
    code: answer?.code ?? (response.status === 401 ? "unauthenticated" : "unexpected_answer"),
    message: answer?.error,
    hint: answer?.hint,
    ticket: answer?.ticket,
    retryAfter: answer?.retryAfter ?? (Number(response.headers.get("Retry-After")) || null),
  });
}

export const api = {
  config: () => call("GET", "/api/auth/config"),
  register: (account) => call("POST", "/api/auth/register", { body: account }),
  login: (usernameOrEmail, password) => call("POST", "/api/auth/login", { body: { usernameOrEmail, password } }),
  loginWithCode: (ticket, code) => call("POST", "/api/auth/login/code", { body: { ticket, code } }),
  verify: (token) => call("GET", "/api/auth/verify", { token }),
  logout: (token) => call("POST", "/api/auth/logout", { token }),
  changePassword: (token, currentPassword, newPassword) =>
    call("POST", "/api/auth/password", { token, body: { currentPassword, newPassword } }),
  models: (token, ask = false) => call("GET", `/api/models${ask ? "?refresh=1" : ""}`, { token, timeout: ask ? ASK_MS : TIMEOUT_MS }),
  tools: (token) => call("GET", "/api/tools", { token }),
  info: (token) => call("GET", "/agentx/info", { token }),
};
