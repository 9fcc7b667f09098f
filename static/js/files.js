// Files of people on the server: up with their progress, and down. A link could not carry the login, so they are fetched.

import { account } from "./account.js";
import { Failure } from "./api.js";
import { base } from "./storage.js";

/** Models have no use for more than this on the long side, in pixels. */
const LONG_SIDE_PX = 1568;
/** Anthropic takes 3.75 MB. */
const PICTURE_BYTES = 3_500_000;
const SCALABLE = /^image\/(png|jpeg|webp)$/;
const QUALITY = 0.88;
/** So many pictures stay in memory. */
const KEPT = 60;

/** What the server takes as one file, in bytes. */
export const FILE_BYTES = 20 * 1024 * 1024;

/** Sends a file; `query` says where to. `onprogress(share)` says how far it is. Returns { done, abort }. */
export function upload(query, blob, onprogress) {
  const request = new XMLHttpRequest(); // fetch says nothing about how far an upload is
  const done = new Promise((resolve, reject) => {
    request.open("POST", `${base}/api/files?${new URLSearchParams(query)}`);
    request.setRequestHeader("Authorization", `Bearer ${account.token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onprogress(total ? loaded / total : 0);
    request.onload = () => {
      const { status, response } = request;
      if (status === 201 && response) resolve(response);
      else reject(new Failure({ status, code: response?.code ?? "unexpected_answer", message: response?.error, hint: response?.hint, retryAfter: Number(request.getResponseHeader("Retry-After")) || null }));
    };
    request.onerror = () => reject(new Failure({ code: "offline" }));
    request.onabort = () => reject(new Failure({ code: "aborted" }));
    request.send(blob);
  });
  return { done, abort: () => request.abort() };
}

/** Takes back what no message carries. What cannot be deleted goes after a day. */
export function forget(fileId) {
  fetch(`${base}/api/files/${encodeURIComponent(fileId)}`, { method: "DELETE", headers: { Authorization: `Bearer ${account.token}` }, credentials: "omit" }).catch(() => {});
}

/** Fetches what `path` below the server gives, as a blob; `onprogress(count)` hears how many bytes are here. */
export async function fetchBlob(path, onprogress = null) {
  const response = await fetch(base + path, { headers: { Authorization: `Bearer ${account.token}` }, credentials: "omit" }).catch(() => { throw new Failure({ code: "offline" }); });
  if (response.ok) return onprogress ? counted(response, onprogress) : response.blob();
  const answer = await response.json().catch(() => null);
  throw new Failure({ status: response.status, code: answer?.code ?? "unexpected_answer", message: answer?.error });
}

async function counted(response, onprogress) {
  const parts = [];
  let count = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read().catch(() => { throw new Failure({ code: "offline" }); });
    if (done) return new Blob(parts, { type: response.headers.get("Content-Type") ?? "" });
    parts.push(value);
    count += value.length;
    onprogress(count);
  }
}

const urls = new Map();

/** An address for a picture, which the browser can show. */
export function pictureUrl(fileId) {
  if (!urls.has(fileId)) {
    urls.set(fileId, fetchBlob(`/api/files/${encodeURIComponent(fileId)}`).then((blob) => URL.createObjectURL(blob)));
    urls.get(fileId).catch(() => urls.delete(fileId)); // asked for again when it is shown again
    const [oldest] = urls.keys();
    if (urls.size > KEPT) {
      urls.get(oldest).then((url) => URL.revokeObjectURL(url), () => {});
      urls.delete(oldest);
    }
  }
  return urls.get(fileId);
}

/** Gives a file to the person. */
export async function save(path, name, onprogress = null) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await fetchBlob(path, onprogress));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** A picture as small as models see it; everything else as it is. */
export async function downscaled(file) {
  if (!SCALABLE.test(file.type)) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file; // the server says what it is
  const scale = Math.min(1, LONG_SIDE_PX / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && file.size <= PICTURE_BYTES) return file;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const encode = (type) => new Promise((resolve) => { canvas.toBlob(resolve, type, QUALITY); });
  const same = await encode(file.type);
  return same && same.size <= PICTURE_BYTES ? same : (await encode("image/jpeg")) ?? file;
}
