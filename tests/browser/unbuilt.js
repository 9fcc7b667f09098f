// The page from a folder, in place of the one inside the program: with PORTAGENT_STATIC=../../static a change is seen
// without building. Modules and style sheets are then files of their own, so counts of requests are other ones.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = process.env.PORTAGENT_STATIC;
const TYPES = { css: "text/css", html: "text/html", js: "text/javascript", svg: "image/svg+xml", png: "image/png", webmanifest: "application/manifest+json" };

/** A page that a test hands over is a stranger to this machine. */
export const browserArgs = FOLDER ? ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,BlockInsecurePrivateNetworkRequests"] : [];

/** What a context needs for it. */
export const options = FOLDER ? { serviceWorkers: "block" } : {};

export async function servePage(context) {
  if (!FOLDER) return;
  const icons = await readFile(join(FOLDER, "icons.svg"), "utf8");
  await context.route((url) => url.pathname.startsWith("/assets/"), async (route) => {
    const path = new URL(route.request().url()).pathname.split("/").slice(3).join("/");
    await route.fulfill({ path: join(FOLDER, path), contentType: TYPES[path.split(".").pop()] });
  });
  await context.route((url) => !url.pathname.includes("."), async (route) => {
    if (route.request().resourceType() !== "document") return route.fallback();
    const response = await route.fetch();
    if (!response.headers()["content-type"]?.startsWith("text/html")) return route.fulfill({ response });
    const text = await readFile(join(FOLDER, "index.html"), "utf8");
    return route.fulfill({ response, body: text.replace("{{icons}}", icons).replaceAll("{{base}}", "").replaceAll("{{assets}}", "/assets/unbuilt") });
  });
}
