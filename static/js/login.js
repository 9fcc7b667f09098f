// Log in, or make an account. Which fields are needed, the server says: before (config) or by the code of an error.

import { account, logIn } from "./account.js";
import { api } from "./api.js";
import { drawing, fill, h, icon } from "./dom.js";
import { field, isName, isPassword } from "./field.js";
import { errorText, knows, t } from "./i18n.js";
import { takeLook } from "./look.js";
import { switches } from "./navigation.js";

/** Which field an error is about, by its code. */
const FIELD_OF = [
  [/setup_code|invite_code/, "code"], [/username/, "name"], [/email/, "email"], [/password/, "password"],
];

export class Login {
  #config = null;
  #problem = h("div");
  #panel = h("form", { class: "auth-panel stack", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.#submit(); } });
  #fields = {};
  #needsSetupCode = false;
  #ticket = null;
  #listeners = new AbortController();

  /** `reason` is why a logged-in user was sent to this page; `ondone` is called with the login stored. */
  constructor({ reason, ondone }) {
    this.reason = reason;
    this.ondone = ondone;
    /** "login", "register", or "code" when the password was right and the second step is due. */
    this.mode = location.hash === "#register" ? "register" : "login";
    this.lead = h("p", { class: "lead u-wide" });
    this.element = h("div", { class: "auth" },
      h("header", { class: "row is-apart" }, h("span", { class: "row brand" }, icon("mark"), "Portagent"), h("span", { class: "row" }, switches())),
      h("main", { class: "auth-main" }, h("div", { class: "auth-intro" }, art(), h("h1", { class: "title is-3xl" }, t("auth.title")), this.lead), this.#panel),
      h("footer", { class: "meta row" }, h("span", {}, t("auth.foot"))));
    addEventListener("hashchange", () => this.#choose(location.hash === "#register" ? "register" : "login"), { signal: this.#listeners.signal });
    this.#draw();
    this.#configure();
  }

  destroy() { this.#listeners.abort(); }

  async #configure() {
    try {
      this.#config = await api.config();
    } catch (error) {
      this.#tell("fail", errorText(error), t("auth.unreachable"));
      return;
    }
    if (this.#config.setupRequired && !location.hash) this.mode = "register";
    this.#draw();
  }

  #choose(mode) {
    this.mode = mode;
    this.reason = "";
    this.#draw();
  }

  #draw() {
    document.title = `${t(this.mode === "register" ? "register" : "login")} · Portagent`;
    this.lead.textContent = t(this.#config?.inviteCodeRequired ? "auth.leadInvite" : "auth.lead");
    const before = Object.fromEntries(Object.entries(this.#fields).map(([name, each]) => [name, each.value]));
    this.#fields = { login: () => this.#loginFields(before), register: () => this.#registerFields(before), code: () => this.#codeFields() }[this.mode]();
    const tab = (mode, label) => h("a", { class: "tab", href: `#${mode}`, "aria-current": (this.mode === "register") === (mode === "register") && "page" }, label);
    this.button = h("button", { class: "button is-primary", type: "submit" }, t(this.mode === "register" ? "register.act" : "login"));
    fill(this.#panel,
      h("nav", { class: "row tabs", "aria-label": t("account") }, tab("login", t("login")), tab("register", t("register"))),
      this.mode === "code" && h("p", { class: "lead" }, t("step.asked")), this.#problem, Object.values(this.#fields).map((each) => each.element), this.button,
      this.mode === "login" && h("p", { class: "meta" }, t("login.forgotten")),
      this.mode === "code" && h("p", { class: "meta" }, t("step.lost")));
    fill(this.#problem);
    if (this.reason) this.#tell("info", t(knows(`ended.${this.reason}`) ? `ended.${this.reason}` : "ended"), !["elsewhere", "deleted"].includes(this.reason) && t("ended.kept"));
    else if (this.mode === "register" && this.#config?.setupRequired) this.#tell("info", t("register.first"));
    const empty = Object.values(this.#fields).find((each) => !each.value);
    this.first = empty?.input;
    this.focus();
  }

  /** Where writing begins. On a phone, the keyboard would cover the page. */
  focus() {
    if (matchMedia("(hover: hover)").matches) this.first?.focus();
  }

  #loginFields(before) {
    return {
      name: field({ id: "name", label: t("login.name"), autocomplete: "username", value: before.name ?? "", autocapitalize: "none", spellcheck: "false" }),
      password: field({ id: "password", label: t("login.password"), type: "password", autocomplete: "current-password", value: "" }),
    };
  }

  #codeFields() {
    return { code: field({ id: "second-code", label: t("step.code"), note: t("step.orRecovery"), autocomplete: "one-time-code", value: "", spellcheck: "false", autocapitalize: "none", required: true }) };
  }

  #registerFields(before) {
    const fields = {
      name: field({ id: "new-name", label: t("register.name"), note: t("register.nameNote"), autocomplete: "username", value: before.name ?? "", autocapitalize: "none", spellcheck: "false" }),
      password: field({ id: "new-password", label: t("login.password"), note: t("password.note"), type: "password", autocomplete: "new-password", value: before.password ?? "" }),
      email: field({ id: "email", label: t("register.email"), note: t("register.emailNote"), type: "email", autocomplete: "email", value: before.email ?? "" }),
    };
    const setup = this.#config?.setupRequired;
    if (setup ? this.#needsSetupCode : this.#config?.inviteCodeRequired) {
      fields.code = field({
        id: "code", label: t(setup ? "register.setupCode" : "register.inviteCode"), note: t(setup ? "register.setupNote" : "register.inviteNote"),
        autocomplete: "off", value: before.code ?? "", spellcheck: "false", autocapitalize: "none",
      });
    }
    return fields;
  }

  #tell(state, title, text) {
    fill(this.#problem, h("div", { class: "alert", "data-state": state, role: state === "fail" ? "alert" : "status" },
      icon(state), h("p", { class: "alert-title" }, title), text && h("p", {}, text)));
  }

  async #submit() {
    const values = Object.fromEntries(Object.entries(this.#fields).map(([name, each]) => [name, each.value]));
    if (!this.#complete()) return;
    this.button.disabled = true;
    try {
      logIn(await this.#send(values));
      history.replaceState(null, "", location.pathname + location.search);
      await takeLook({ isNew: this.mode === "register" });
      this.ondone(account);
    } catch (error) {
      this.#failed(error);
    }
    this.button.disabled = false;
  }

  #send({ name, password, email, code }) {
    if (this.mode === "code") return api.loginWithCode(this.#ticket, code.trim());
    if (this.mode === "login") return api.login(name.trim(), password);
    return api.register({ username: name, password, email: email || undefined, inviteCode: code?.trim() || undefined });
  }

  /** Says everything that is wrong at once; the first field of that kind gets the focus. */
  #complete() {
    const wrong = Object.entries(this.#fields).map(([name, each]) => [each, problemOf(name, each.value, this.mode)]).filter(([, problem]) => problem);
    for (const [each, problem] of wrong) each.problem(problem);
    wrong[0]?.[0].input.focus();
    return !wrong.length;
  }

  #failed(error) {
    if (error.code === "second_step_required") {
      this.#ticket = error.ticket;
      this.#choose("code");
      return;
    }
    if (this.mode === "code") {
      if (error.code === "ticket_expired") this.#choose("login");
      this.#tell("fail", errorText(error), error.hint);
      this.#fields.code?.input.select();
      return;
    }
    if (/setup_code/.test(error.code) && !this.#fields.code) {
      this.#needsSetupCode = true;
      this.#config = { ...this.#config, setupRequired: true };
      this.#draw();
      return;
    }
    if (/invite_code/.test(error.code) && !this.#fields.code) {
      if (this.#config?.setupRequired) this.#needsSetupCode = true;
      else this.#config = { ...this.#config, inviteCodeRequired: true };
      this.#draw();
      return;
    }
    const name = FIELD_OF.find(([pattern]) => pattern.test(error.code))?.[1];
    const target = this.mode === "register" && this.#fields[name];
    if (target) {
      target.problem(errorText(error));
      target.input.focus();
      return;
    }
    const wrong = this.mode === "login" && error.status === 401;
    this.#tell("fail", wrong ? t("login.wrong") : errorText(error), wrong ? t("login.limit") : error.hint);
    if (wrong) this.#fields.password.input.select();
  }
}

/** What is wrong with a field as far as the page can tell; the server judges the rest. */
function problemOf(name, value, mode) {
  if (!value.trim()) return name === "email" || (name === "code" && mode === "register") ? "" : t("needed");
  if (mode !== "register") return "";
  if (name === "name" && !isName(value.trim())) return t("error.invalid_username");
  if (name === "password" && !isPassword(value)) return t("error.invalid_password");
  if (name === "email" && !/^[^\s@]+@[^\s@]+$/.test(value.trim())) return t("error.invalid_email");
  return "";
}

/** The harbour gate, drawn large. */
function art() {
  const arch = (inset, width, opacity) =>
    ["path", { d: `M${120 - inset} 168V96a${inset} ${inset} 0 0 1 ${2 * inset} 0v72`, "stroke-width": width, opacity }];
  return drawing({ class: "auth-art u-wide", viewBox: "7 0 226 176", fill: "none", stroke: "currentColor", "stroke-linecap": "round" }, [
    ["path", { d: "M8 168h224", "stroke-width": 1.75 }], arch(88, 1, 0.3), arch(70, 1, 0.45), arch(52, 1.25, 0.65), arch(34, 1.75, 1),
    ["circle", { cx: 120, cy: 92, r: 7, fill: "currentColor", stroke: "none" }], ["path", { d: "M120 116v52", "stroke-width": 1.75 }],
  ]);
}
