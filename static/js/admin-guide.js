// The first run: an administrator without a model chooses a vendor, gives the key, and sees that it works.

import { loadInfo } from "./account.js";
import { admin, failed, skeleton } from "./admin-parts.js";
import { providerForm } from "./admin-provider-form.js";
import { fill, h } from "./dom.js";
import { number, t } from "./i18n.js";
import { toast } from "./status.js";

export function guide(app) {
  const place = h("div", {}, skeleton());
  load();
  return place;

  async function load() {
    try {
      const { vendors } = await admin("GET", "providers");
      fill(place, steps(app, vendors));
    } catch (error) {
      fill(place, failed(error, load));
    }
  }
}

function steps(app, vendors) {
  const form = providerForm({ vendors, isFirst: true });
  const problem = h("div", { role: "alert" });
  const save = h("button", { class: "button is-primary", type: "submit" }, t("guide.test"));
  const step = (mark, title, lead, ...rest) => h("li", { class: "guide-step", "aria-current": mark === 1 && "step" }, h("span", { class: "guide-mark", "aria-hidden": "true" }, number(mark)),
    h("div", { class: "stack" }, h("div", {}, h("h3", { class: "title" }, title), h("p", { class: "lead" }, lead)), rest));
  return h("form", { novalidate: true, onsubmit: (event) => { event.preventDefault(); submit(); } }, h("ol", { class: "ruled" },
    step(1, t("guide.vendor"), t("guide.vendorLead"), h("div", { class: "form-grid" }, form.vendor, form.where)),
    step(2, t("guide.key"), t("guide.keyLead"), form.key),
    step(3, t("guide.check"), t("guide.checkLead"), problem, h("div", { class: "row" }, save))));

  async function submit() {
    fill(problem);
    if (!form.check()) return focusWrong(form);
    save.disabled = true;
    save.setAttribute("aria-busy", "true");
    try {
      const { checked, models, message } = await form.save();
      toast(checked ? t("providers.good", { n: number(models) }) : message, { symbol: checked ? "pass" : "warn", ms: 8_000 });
      await Promise.all([loadInfo(), app.models.refresh({ now: true })]);
    } catch (error) {
      fill(problem, failed(error));
    }
    save.disabled = false;
    save.removeAttribute("aria-busy");
    return null;
  }
}

/** The first field that is wrong. */
const focusWrong = (form) => [form.vendor, ...form.where, ...form.key].map((each) => each.querySelector("[aria-invalid]")).find(Boolean)?.focus();
