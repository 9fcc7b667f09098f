// The models on offer, and the one that this person chose last: new conversations begin with it.

import { account } from "./account.js";
import { api } from "./api.js";
import { kept } from "./storage.js";

/** The list is asked for again after this: providers add and retire models. */
const FRESH_MS = 10 * 60_000;

/** Fires `change`. */
export class Models extends EventTarget {
  list = [];
  #asked = 0;

  constructor(userId) {
    super();
    this.name = `model:${userId}`;
    this.effortName = `effort:${userId}`;
  }

  /** `ask` makes the server ask the providers, which an administrator may. */
  async refresh({ now = false, ask = false } = {}) {
    if (!now && Date.now() - this.#asked < FRESH_MS) return;
    this.#asked = Date.now();
    try {
      const { models } = await api.models(account.token, ask);
      this.list = models;
      this.dispatchEvent(new Event("change"));
    } catch {
      this.#asked = 0; // a provider that was not reached yet: asked again with the next connection
    }
  }

  /** A conversation names its model with the provider; one without it is of the first provider. */
  find(id) {
    const ofFirst = `${this.list[0]?.provider}/${id}`;
    return this.list.find((model) => model.id === id) ?? this.list.find((model) => model.id === ofFirst) ?? null;
  }

  get default() { return this.list.find((model) => model.isDefault) ?? null; }

  /** What new conversations begin with; null is the server's own choice. */
  get choice() {
    const id = kept.get(this.name);
    const model = id && this.find(id);
    return model && !isRetired(model) ? model.id : null;
  }

  /** How deeply models think in new conversations; null leaves it to them. */
  get effort() { return kept.get(this.effortName); }

  set effort(level) {
    if (level) kept.set(this.effortName, level);
    else kept.remove(this.effortName);
    this.dispatchEvent(new Event("change"));
  }

  set choice(id) {
    kept.set(this.name, id);
    this.dispatchEvent(new Event("change"));
  }
}

export const retiresAt = (model) => (model.retiresAt ? Date.parse(model.retiresAt) : NaN);
export const isRetired = (model) => model.lifecycle === "retired" || retiresAt(model) < Date.now();
