// Files in messages: pictures are shown and enlarged, everything else is given to the person.

import { fill, h, icon, iconButton } from "./dom.js";
import { pictureUrl, save } from "./files.js";
import { bytes, errorText, t } from "./i18n.js";
import { toast } from "./status.js";

const SHOWN_IMAGES = /^image\/(png|jpeg|gif|webp|avif)$/;

export function attachment(item) {
  const name = item.name ?? t(item.type === "image" ? "image" : "file");
  if (item.type === "image" && SHOWN_IMAGES.test(item.mediaType)) return picture(item, name);
  const words = [icon("file"), h("span", { dir: "auto" }, name), item.size && h("span", { class: "meta" }, bytes(item.size))];
  if (!item.fileId) return h("span", { class: "row attachment is-file" }, words);
  return h("button", { class: "row attachment is-file", type: "button", title: t("download", { name }), onclick: () => download(item, name) }, words);
}

/** What an agent wrote; `open(file)` shows it. */
export const workFile = (file, open) => h("button", { class: "row attachment is-file", type: "button", title: t("workdir.open", { name: file.path }), onclick: () => open(file) },
  icon("file"), h("span", { class: "u-truncate", dir: "ltr" }, file.path), h("span", { class: "meta" }, bytes(file.size)));

const download = (item, name) => save(`/api/files/${encodeURIComponent(item.fileId)}`, name).catch((error) => toast(errorText(error), { symbol: "fail" }));

function picture(item, name) {
  const image = h("img", { alt: name, src: item.data ? `data:${item.mediaType};base64,${item.data}` : null });
  if (!item.fileId) return h("span", { class: "attachment" }, image);
  const button = h("button", { class: "attachment", type: "button", "aria-label": t("picture.open", { name }), onclick: () => enlarge(image.src, item, name) }, image);
  pictureUrl(item.fileId).then((url) => { image.src = url; }, (error) => fill(button, h("span", { class: "row meta" }, icon("fail", "is-small"), name, ": ", errorText(error))));
  return button;
}

/** The whole picture, over the page. */
function enlarge(src, item, name) {
  const dialog = h("dialog", { class: "dialog viewer", "aria-label": name, onclose: () => dialog.remove(), onclick: (event) => { if (event.target === dialog) dialog.close(); } },
    h("div", { class: "row" }, h("span", { class: "u-grow u-truncate", dir: "auto" }, name), iconButton("download", t("download", { name }), () => download(item, name)), iconButton("close", t("close"), () => dialog.close())),
    h("img", { src, alt: name }));
  document.body.append(dialog);
  dialog.showModal();
}
