// The list of conversations, newest activity first, in pages.

import { kept } from "./storage.js";

const PAGE = 50;
/** Pinned ones that are asked for at once. */
const MOST_PINNED = 200;
/** Archived ones that are listed. */
const MOST_ARCHIVED = 200;

/** Fires `change`. */
export class Conversations extends EventTarget {
  records = [];
  #all = [];
  #hidden = new Set();
  /** Records that were opened and stand in no page of the list: archived ones, and old ones. */
  #others = new Map();
  /** False until the first page is there. */
  loaded = false;
  more = false;
  /** The last one of the pages that were fetched. */
  oldest = null;
  #loading = null;

  constructor(connection) {
    super();
    this.connection = connection;
  }

  find(imageId) {
    if (this.#hidden.has(imageId)) return null;
    return this.#all.find((record) => record.imageId === imageId) ?? this.#others.get(imageId) ?? null;
  }

  isListed(imageId) { return this.records.some((record) => record.imageId === imageId); }

  /** Learns about one that stands in no page of the list. */
  async learn(imageId) {
    this.#others.set(imageId, await this.get(imageId));
    this.dispatchEvent(new Event("change"));
  }

  async archived() {
    const { records } = await this.connection.request("image_list_request", { limit: MOST_ARCHIVED, archived: true });
    for (const record of records) this.#others.set(record.imageId, record);
    return records;
  }

  /** Fetches all that are pinned, however old they are. */
  async refreshPinned() {
    const { records } = await this.connection.request("image_list_request", { limit: MOST_PINNED, pinned: true });
    const known = new Set(this.#all.map((record) => record.imageId));
    this.#replace([...this.#all, ...records.filter((record) => !known.has(record.imageId))]);
  }

  /** Fetches the newest page; what is older stays as we know it. From then on we hear of changes by other tabs. */
  async refresh() {
    const { records, more } = await this.connection.request("image_list_request", { limit: PAGE, follow: true });
    const oldest = more ? records.at(-1).updatedAt : -Infinity;
    const fresh = new Set(records.map((record) => record.imageId));
    const older = this.#all.filter((record) => record.updatedAt < oldest && !fresh.has(record.imageId));
    if (!this.loaded) Object.assign(this, { more, oldest: records.at(-1) });
    this.loaded = true;
    this.#replace([...records, ...older]);
  }

  /** Fetches the next older page; one at a time. */
  loadMore() {
    this.#loading ??= this.connection
      .request("image_list_request", { limit: PAGE, before: this.oldest?.imageId })
      .then(({ records, more }) => {
        Object.assign(this, { more, oldest: records.at(-1) ?? this.oldest });
        const known = new Set(this.#all.map((record) => record.imageId));
        this.#replace([...this.#all, ...records.filter((record) => !known.has(record.imageId))]);
      })
      .finally(() => { this.#loading = null; });
    return this.#loading;
  }

  /** `what` are the first values of its record: name, model. */
  async create(what) {
    const { record } = await this.connection.request("image_create_request", what);
    this.#replace([record, ...this.#all.filter((each) => each.imageId !== record.imageId)]);
    return record;
  }

  /** Changes a record: `updates` are new values, like a name or a model; null takes one away. */
  async change(imageId, updates) {
    const { record } = await this.connection.request("image_update_request", { imageId, updates });
    const cleared = Object.entries(updates).filter(([, value]) => value === null || value === false); // which records leave out
    this.note(imageId, { ...Object.fromEntries(cleared), ...record });
  }

  /** Everything about one, also what lists leave out. */
  async get(imageId) {
    const { record } = await this.connection.request("image_get_request", { imageId });
    return record;
  }

  async remove(imageId) {
    await this.connection.request("image_delete_request", { imageId });
    this.#hidden.delete(imageId);
    this.#replace(this.#all.filter((record) => record.imageId !== imageId));
    if (this.oldest?.imageId === imageId) this.oldest = this.#all.findLast((record) => !record.pinned) ?? null;
  }

  /** One was made or changed elsewhere. Whether it is being answered is not followed. */
  take(record) {
    const known = this.find(record.imageId);
    const changed = { ...record, online: known?.online || record.online };
    if (this.#others.delete(record.imageId) || record.archived) this.#others.set(record.imageId, changed);
    this.#replace([...this.#all.filter((each) => each.imageId !== record.imageId), changed]);
    this.dispatchEvent(new Event("change"));
  }

  /** One was deleted elsewhere. */
  forget(imageId) {
    this.#others.delete(imageId);
    this.#replace(this.#all.filter((each) => each.imageId !== imageId));
  }

  /** Leaves one out of the list until it is shown again. */
  hide(imageId) {
    this.#hidden.add(imageId);
    this.#replace(this.#all);
  }

  show(imageId) {
    this.#hidden.delete(imageId);
    this.#replace(this.#all);
  }

  /** Changes what we know about one, as an event or an answer told. */
  note(imageId, changes) {
    const record = this.find(imageId);
    if (!record) return;
    if (Object.entries(changes).every(([name, value]) => record[name] === value)) return;
    const changed = { ...record, ...changes };
    if (this.#others.has(imageId)) this.#others.set(imageId, changed);
    const isNew = record.archived && !changed.archived && !this.#all.includes(record);
    this.#replace([...this.#all.map((each) => (each === record ? changed : each)), ...(isNew ? [changed] : [])]);
    if (changed.archived) this.#others.set(imageId, changed);
    this.dispatchEvent(new Event("change"));
  }

  #replace(records) {
    this.#all = [...records].sort((a, b) => b.updatedAt - a.updatedAt);
    const shown = this.#all.filter((record) => !record.archived && !this.#hidden.has(record.imageId));
    const changed = JSON.stringify(shown) !== JSON.stringify(this.records);
    this.records = shown;
    if (changed || !this.announced) this.dispatchEvent(new Event("change"));
    this.announced = true;
  }
}

/** What is being written, per person and conversation; `aside` are texts that step back while something else is edited. */
export const draft = {
  name: (userId, imageId) => `draft:${userId}:${imageId ?? "new"}`,
  get: (userId, imageId) => kept.get(draft.name(userId, imageId)) ?? "",
  set: (userId, imageId, text) => (text ? kept.set(draft.name(userId, imageId), text) : kept.remove(draft.name(userId, imageId))),
  move(userId, from, to) {
    const text = draft.get(userId, from);
    if (text && !draft.get(userId, to)) draft.set(userId, to, text);
    draft.set(userId, from, "");
  },
  aside: (userId, imageId) => [kept.get(`${draft.name(userId, imageId)}:aside`) ?? []].flat(),
  setAside: (userId, imageId, texts) => {
    const name = `${draft.name(userId, imageId)}:aside`;
    if (texts.length) kept.set(name, texts);
    else kept.remove(name);
  },
};
