// What a provider is described by: its vendor, where it is, and its key. The same fields in a dialog and at the first run.

import { admin, selectField } from "./admin-parts.js";
import { fill, h, icon } from "./dom.js";
import { field } from "./field.js";
import { t } from "./i18n.js";

/** Not a vendor: a server of which only the address and the kind are known. */
const OTHER = "other";
const KINDS = [["openai", "providers.kind.openai"], ["anthropic", "providers.kind.anthropic"], ["ollama", "providers.kind.ollama"]];
/** As their vendors write them. */
const NAMES = {
  anthropic: "Anthropic", openai: "OpenAI", ollama: "Ollama", deepseek: "DeepSeek", qwen: "Qwen 通义千问", kimi: "Kimi 月之暗面", glm: "GLM 智谱", minimax: "MiniMax",
  siliconflow: "SiliconFlow 硅基流动", volcengine: "Volcengine 火山引擎", openrouter: "OpenRouter", gemini: "Google Gemini", groq: "Groq", mistral: "Mistral", llamacpp: "llama.cpp",
  lmstudio: "LM Studio", vllm: "vLLM", litellm: "LiteLLM",
};
/** The check asks the provider, which may be slow. */
export const CHECK_MS = 90_000;

export const vendorName = (name) => NAMES[name] ?? name;

/** `provider` is the one to change; without it, one is added. `isFirst` leaves out what a first one does not need. */
export function providerForm({ vendors, provider = null, isFirst = false }) {
  const vendor = selectField("provider-vendor", t("providers.vendor"), [...vendors.map(({ name }) => [name, vendorName(name)]), [OTHER, t("providers.other")]], vendors[0]?.name, () => draw());
  const kind = selectField("provider-kind", t("providers.kind"), KINDS.map(([name, key]) => [name, t(key)]), provider?.kind ?? "openai", () => draw());
  const url = field({ id: "provider-url", label: t("providers.url"), note: t("providers.urlNote"), type: "url", value: provider?.url ?? "", autocomplete: "off", spellcheck: "false" });
  const key = field({ id: "provider-key", label: t("providers.key"), note: t("providers.keyNote"), type: "password", autocomplete: "off", placeholder: provider?.key ?? "", spellcheck: "false" });
  const name = field({ id: "provider-name", label: t("providers.name"), note: t("providers.nameNote"), autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const model = field({ id: "provider-model", label: t("providers.model"), note: t("providers.modelNote"), value: provider?.model ?? "", autocomplete: "off", spellcheck: "false" });
  const page = h("p", { class: "meta" });
  const chosen = () => vendors.find((each) => each.name === vendor.value);

  function draw() {
    const own = provider ? null : chosen();
    const isLocal = own?.url && /^https?:\/\/(127\.|localhost)/.test(own.url);
    vendor.element.hidden = Boolean(provider);
    kind.element.hidden = Boolean(own);
    url.element.hidden = Boolean(own && !isLocal && own.kind !== "ollama");
    if (own) url.input.value = own.url && isLocal ? own.url : "";
    if (own) url.input.placeholder = own.kind === "ollama" ? "http://127.0.0.1:11434" : "";
    fill(page, own?.keyPage && h("a", { href: own.keyPage, target: "_blank", rel: "noopener noreferrer" }, t("providers.keyPage", { name: vendorName(own.name) }), " ", icon("external", "is-small is-inline")));
    page.hidden = !own?.keyPage;
    name.input.placeholder = own?.name ?? "";
  }

  draw();
  const needsKey = () => Boolean(!provider && chosen()?.keyPage);
  return {
    vendor: vendor.element,
    where: [kind.element, url.element],
    key: [key.element, page],
    rest: isFirst ? [] : [!provider && name.element, model.element],
    check() {
      if (needsKey() && !key.value.trim()) key.problem(t("needed"));
      const other = !provider && vendor.value === OTHER;
      if (other && !url.value.trim()) url.problem(t("needed"));
      if (other && !isFirst && !name.value.trim()) name.problem(t("needed"));
      return !(needsKey() && !key.value.trim()) && !(other && (!url.value.trim() || (!isFirst && !name.value.trim())));
    },
    /** Checks it at the provider and saves it. Returns what that said. */
    save() {
      const body = { url: url.element.hidden ? undefined : url.value.trim() || undefined, key: key.value.trim() || undefined, model: model.value.trim() || undefined };
      if (provider) return admin("PUT", `providers/${provider.name}`, { ...body, kind: kind.value, model: model.value.trim() }, { timeout: CHECK_MS });
      const own = chosen() ? { vendor: vendor.value } : { kind: kind.value, name: kind.value };
      return admin("POST", "providers", { ...own, ...body, ...(name.value.trim() && { name: name.value.trim() }) }, { timeout: CHECK_MS });
    },
  };
}
