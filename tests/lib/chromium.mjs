// SPDX-License-Identifier: Apache-2.0
// Chromium by Playwright, for tests that are written in another language.
//
//   node chromium.mjs PLAYWRIGHT SETTINGS     the package's directory; what chromium.launch() takes, as JSON
//
// One command a line on stdin, one answer a line on stdout, {"value": ...} or {"error": "..."}; at the end of
// stdin the browser is closed. Commands:
//   {"open": SETTINGS}                  another context with a page in it: the page's number
//   {"page": N, "chain": [[METHOD, ARGUMENT...], ...], "for": EVENT}
//                                       methods of Playwright's Page, one on what the other has given; with "for"
//                                       the download's name and content, or the number of the page that came of it
//   {"heard": N}                        what the page has told since the last time
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [playwright, settings] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);
const browser = await chromium.launch(JSON.parse(settings));
const pages = [];
const LATE_MS = 30_000;

const nothing = () => ({ troubles: [], bytes: {}, urls: [], places: [], acted: [] });

// Everything a person would see in red, what went over the wire, and what was done.
function listen(page) {
  const entry = { page, heard: nothing(), sizes: [] };
  const trouble = text => entry.heard.troubles.push(text.slice(0, 2000));
  page.on("console", m => {
    if (["error", "warning", "assert"].includes(m.type()))
      trouble(`${m.type()}: ${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", e => trouble(`exception: ${e.stack ?? e}`));
  page.on("request", r => entry.heard.urls.push(r.url()));
  page.on("framenavigated", f => f === page.mainFrame() && entry.heard.places.push(f.url()));
  // Whoever leaves a page gives up what was on its way.
  page.on("requestfailed", r => {
    if (r.failure()?.errorText !== "net::ERR_ABORTED")
      trouble(`failed: ${r.method()} ${r.url()}: ${r.failure()?.errorText}`);
  });
  page.on("requestfinished", r => {
    const size = r.sizes().then(s => {
      entry.heard.bytes[r.url()] = s.responseHeadersSize + s.responseBodySize;
    });
    entry.sizes.push(size.catch(() => {}));
  });
  // Each request that a dialog of the dashboard makes is one that is done once.
  page.on("response", r => {
    const request = r.request();
    if (r.ok() && request.headers()["idempotency-key"])
      entry.heard.acted.push(new URL(r.url()).pathname);
  });
  page.on("dialog", d => {
    trouble(`a dialog of the browser: ${d.message()}`);
    d.dismiss();
  });
  pages.push(entry);
  return pages.length - 1;
}

async function open(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(LATE_MS);
  return listen(await context.newPage());
}

// Arguments that JSON has not: regular expressions, and locators.
function meant(page, argument) {
  if (argument === null || typeof argument !== "object") return argument;
  if (argument.pattern !== undefined) return new RegExp(argument.pattern, argument.flags);
  if (argument.chain) return follow(page, argument.chain);
  if (Array.isArray(argument)) return argument.map(a => meant(page, a));
  return Object.fromEntries(Object.entries(argument).map(([k, v]) => [k, meant(page, v)]));
}

function follow(page, chain) {
  return chain.reduce((at, [name, ...rest]) => {
    const member = at[name];
    return typeof member === "function" ? member.apply(at, meant(page, rest)) : member;
  }, page);
}

function told(value) {
  if (Buffer.isBuffer(value)) return value.toString("base64");
  const kind = Object(value) === value ? value.constructor : undefined;
  return kind === undefined || kind === Object || kind === Array ? (value ?? null) : null;
}

async function act({ page: number, chain, for: event }) {
  const { page } = pages[number];
  if (!event) return told(await follow(page, chain));
  const [came] = await Promise.all([page.waitForEvent(event), follow(page, chain)]);
  if (event === "popup") return listen(came);
  return { name: came.suggestedFilename(), text: readFileSync(await came.path(), "utf8") };
}

async function heard(number) {
  const entry = pages[number];
  await Promise.all(entry.sizes);
  const all = entry.heard;
  entry.heard = nothing();
  entry.sizes = [];
  return all;
}

async function answer(command) {
  if (command.open) return open(command.open);
  return command.heard === undefined ? act(command) : heard(command.heard);
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = await answer(JSON.parse(line)).then(
    value => ({ value }),
    error => ({ error: error.message }),
  );
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
await browser.close();
