// SPDX-License-Identifier: Apache-2.0
// That something has changed, as the server tells it: what is shown is asked for again. Beside it pages
// ask by themselves, so a page whose stream cannot be had is late and never wrong.
import { attended, changed, may } from "./api";

const LOOK_MS = 5_000; // whether somebody is there, and at most once in such a time is all asked again
const AGAIN_MS = 60_000; // after a refusal

let source: EventSource | undefined;
let refused = 0;
let last = 0;
let waits = false;

function tell() {
  if (waits) return;
  waits = true;
  setTimeout(
    () => {
      waits = false;
      last = Date.now();
      changed();
    },
    Math.max(0, last + LOOK_MS - Date.now()),
  );
}

function open() {
  source = new EventSource("/api/v1/events");
  source.addEventListener("changed", tell);
  source.onerror = () => {
    // At each pause the browser comes again by itself; closed is for good: the session may have ended,
    // which the pages say.
    if (source?.readyState !== EventSource.CLOSED) return;
    source = undefined;
    refused = Date.now();
    tell();
  };
}

function look() {
  if (!attended()) {
    source?.close();
    source = undefined;
  } else if (!source && Date.now() - refused > AGAIN_MS) open();
}

// A tab that nobody sees holds no connection: browsers have few for each host.
export function live() {
  if (!may("status")) return;
  look();
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", look);
}
