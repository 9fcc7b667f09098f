// Who is in: the password, the second step, and where one is logged in.

import { account } from "./account.js";
import { call } from "./api.js";
import { passwordDialog } from "./dialogs.js";
import { fill, h, icon } from "./dom.js";
import { clock, errorText, number, t } from "./i18n.js";
import { secondStep } from "./own-second-step.js";
import { toast } from "./status.js";

const ask = (method, path = "") => call(method, `/api/auth/sessions${path}`, { token: account.token });

export function security() {
  const sessions = h("div", { class: "stack" }, h("div", { class: "skeleton" }));
  showSessions(sessions);
  return [
    h("section", { class: "stack is-tight" }, h("h3", { class: "title" }, t("login.password")),
      h("div", { class: "row" }, h("button", { class: "button is-small", type: "button", onclick: passwordDialog }, icon("key", "is-small"), t("password.title")))),
    secondStep(),
    h("section", { class: "stack is-tight" }, h("h3", { class: "title", id: "sessions-title", tabindex: -1 }, t("sessions")), h("p", { class: "meta" }, t("sessions.lead")), sessions),
  ];
}

async function showSessions(place) {
  try {
    const { sessions } = await ask("GET");
    const others = sessions.filter((each) => !each.current).length;
    const end = async (path, done) => {
      try {
        const answer = await ask("DELETE", path);
        toast(done(answer));
      } catch (error) {
        toast(errorText(error), { symbol: "fail" });
      }
      await showSessions(place);
      document.getElementById("sessions-title")?.focus(); // the button that was pressed is gone
    };
    fill(place,
      h("ul", { class: "ruled", "aria-labelledby": "sessions-title" }, sessions.map((each) => row(each, end))),
      others > 0 && h("div", { class: "row" }, h("button", { class: "button is-small is-danger", type: "button", onclick: () => end("", ({ ended }) => t("sessions.ended", { n: number(ended) })) }, icon("logout", "is-small"), t("sessions.endAll"))));
  } catch (error) {
    fill(place, h("p", { class: "meta" }, errorText(error)));
  }
}

function row({ sessionId, device, createdAt, lastUsedAt, current }, end) {
  const name = device ?? t("sessions.unknown");
  const times = t("sessions.times", { used: clock(lastUsedAt), since: clock(createdAt) });
  return h("li", { class: "row session" },
    h("div", { class: "u-grow" }, h("span", { class: "table-main", dir: "auto" }, name), h("span", { class: "meta" }, times)),
    current ? h("span", { class: "badge", "data-state": "pass" }, t("sessions.this"))
      : h("button", { class: "button is-small", type: "button", "aria-label": t("sessions.endOne", { name }), onclick: () => end(`/${sessionId}`, () => t("sessions.endedOne", { name })) }, t("logout")));
}
