// What an agent has in the work directory of its conversation: looked at, downloaded, put there, deleted.

import { account } from "./account.js";
import { call } from "./api.js";
import { ask } from "./dialogs.js";
import { fill, h, icon, iconButton } from "./dom.js";
import { fetchBlob, save, upload } from "./files.js";
import { bytes, clock, errorText, t } from "./i18n.js";
import { toast } from "./status.js";

/** Longer texts are not shown, only downloaded, in bytes. */
const SHOWN_BYTES = 512 * 1024;
const PICTURE = /\.(png|jpe?g|gif|webp)$/i;

const address = (imageId, path) => `/api/files?${new URLSearchParams({ imageId, ...(path && { path }) })}`;
const nameOf = (path) => path.split("/").pop();
const tell = (error) => toast(errorText(error), { symbol: "fail" });

/** One of them: shown where that is possible, else given to the person. */
export const openFile = async (imageId, { path, size }) => {
  const url = address(imageId, path);
  try {
    if (size > SHOWN_BYTES && !PICTURE.test(path)) await save(url, nameOf(path));
    else await show(path, await fetchBlob(url), url);
  } catch (error) {
    tell(error);
  }
};

export const openFiles = (imageId) => {
  const query = (path) => address(imageId, path);
  const list = h("div", { class: "stack" }, h("div", { class: "skeleton" }));
  const input = h("input", { type: "file", multiple: true, hidden: true, onchange: () => put([...input.files]) });
  const dialog = h("dialog", { class: "dialog is-wide", "aria-labelledby": "workdir-title", onclose: () => dialog.remove() }, h("div", { class: "stack" },
    h("div", { class: "row" }, h("h2", { class: "title is-xl u-grow", id: "workdir-title" }, t("workdir.title")),
      h("button", { class: "button is-small", type: "button", onclick: () => input.click() }, icon("plus", "is-small"), h("span", {}, t("workdir.add"))),
      iconButton("close", t("close"), () => dialog.close())), input, list));

  async function load() {
    try {
      const { files, bytes: sum, more } = await call("GET", query(), { token: account.token });
      const shown = files.filter(({ type }) => type !== "directory");
      fill(list, shown.length ? h("ul", { class: "ruled" }, shown.map(item)) : h("p", { class: "meta" }, t("workdir.none")),
        shown.length > 0 && h("p", { class: "meta" }, t(more ? "workdir.sumMore" : "workdir.sum", { size: bytes(sum) })));
    } catch (error) {
      fill(list, h("p", { class: "field-error", role: "alert" }, errorText(error)));
    }
  }

  const item = ({ path, type, size, modifiedAt }) => h("li", { class: "row" },
    h("button", { class: "row u-grow workdir-file", type: "button", disabled: type !== "file", onclick: () => openFile(imageId, { path, size }) }, icon("file"),
      h("span", { class: "stack attachment-words u-grow" }, h("span", { class: "u-truncate", dir: "ltr" }, path), h("span", { class: "meta" }, `${bytes(size)} · ${clock(modifiedAt)}`))),
    type === "file" && iconButton("download", t("download", { name: path }), () => save(query(path), nameOf(path)).catch(tell)),
    iconButton("trash", t("workdir.delete", { name: path }), () => remove(path)));

  function remove(path) {
    ask({
      title: t("workdir.deleteTitle", { name: path }), lead: t("workdir.deleteLead"), keep: t("cancel"), act: t("delete.act"), danger: true,
      submit: async () => {
        await call("DELETE", query(path), { token: account.token });
        load();
      },
    });
  }

  async function put(files) {
    input.value = "";
    for (const file of files) await upload({ imageId, path: file.name }, file, () => {}).done.then(() => toast(t("workdir.added", { name: file.name })), tell);
    load();
  }

  document.body.append(dialog);
  dialog.showModal();
  load();
};

/** A text or a picture, as it is. What is neither is only downloaded. */
async function show(path, blob, url) {
  const isPicture = PICTURE.test(path);
  const picture = isPicture && URL.createObjectURL(blob);
  const text = isPicture ? "" : await blob.arrayBuffer().then((buffer) => new TextDecoder("utf-8", { fatal: true }).decode(buffer)).catch(() => null);
  const content = isPicture ? h("img", { src: picture, alt: path }) : text === null ? h("p", { class: "meta" }, t("workdir.binary")) : h("pre", { class: "log-lines", tabindex: 0, dir: "ltr" }, text);
  const dialog = h("dialog", { class: "dialog viewer", "aria-label": path, onclose: () => { dialog.remove(); if (picture) URL.revokeObjectURL(picture); } },
    h("div", { class: "row" }, h("span", { class: "u-grow u-truncate", dir: "ltr" }, path), iconButton("download", t("download", { name: path }), () => save(url, nameOf(path)).catch(tell)), iconButton("close", t("close"), () => dialog.close())), content);
  document.body.append(dialog);
  dialog.showModal();
}
