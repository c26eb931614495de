// SPDX-License-Identifier: Apache-2.0
// /api/v1/ as the page's session may ask it, and when it is asked again.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Listed } from "./types";

const root = document.documentElement.dataset;
const allowed = new Set((root.may ?? "").split(","));

export const user = root.user || "";
export const roles = root.roles ?? "";
export const form = root.form ?? "";
export const version = root.version ?? "";
export const licences = root.licences ?? "";

export function may(command: string): boolean {
  return allowed.has(command);
}

export type Args = Record<string, unknown>;

export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

async function problemOf(response: Response): Promise<Problem> {
  let detail = `${response.status} ${response.statusText}`;
  try {
    const body = await response.json();
    if (typeof body.detail === "string") detail = body.detail;
  } catch {
    // what stands before the server answers with other things
  }
  return new Problem(response.status, detail);
}

// Always a POST, which every command takes, and for which the browser says where it comes from.
// With `key` it is done once, however often it is sent.
export async function call<T>(command: string, args: Args = {}, key = ""): Promise<T> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (key) headers["Idempotency-Key"] = `"${key}"`;
  let response: Response;
  try {
    response = await fetch(`/api/v1/${command.replace(" ", "/")}`, {
      method: "POST",
      headers,
      body: JSON.stringify(args),
      credentials: "same-origin",
      redirect: "error",
    });
  } catch {
    throw new Problem(0, "");
  }
  if (!response.ok) throw await problemOf(response);
  return (await response.json()) as T;
}

// ---- lists in pages

type Asks = typeof call;
const PAGE = 1000; // rows, the most that a page has
const SHOWN_PAGES = 10; // of a list that is shown whole
const FILE_PAGES = 200; // of one that is written to a file

// The first page, in which every list has gone on with what the next ones have of it. Where there are
// too many, `next` says so.
async function whole<T>(command: string, args: Args = {}): Promise<T> {
  const first = await call<Record<string, unknown>>(command, { ...args, limit: PAGE });
  for (let pages = 1; first.next && pages < SHOWN_PAGES; pages++) {
    const page = await call<Record<string, unknown>>(command, {
      ...args,
      limit: PAGE,
      cursor: first.next,
    });
    for (const [name, rows] of Object.entries(page)) {
      const there = first[name];
      if (Array.isArray(rows) && Array.isArray(there)) there.push(...rows);
    }
    first.next = page.next;
  }
  return first as T;
}

// Every row there is, for a file; undefined when that would be too many for one.
export async function everyRow<R>(command: string, args: Args = {}): Promise<R[] | undefined> {
  const found: R[] = [];
  let cursor: string | null | undefined;
  for (let pages = 0; pages < FILE_PAGES; pages++) {
    const page: Listed<R> = await call(command, {
      ...args,
      limit: PAGE,
      ...(cursor ? { cursor } : {}),
    });
    found.push(...page.items);
    cursor = page.next;
    if (!cursor) return found;
  }
  return undefined;
}

// ---- when to ask again

const POLL_MS = 30_000;
// A session ends when it is not used: asking by itself must not keep it for somebody who has gone.
const ATTENDED_MS = 15 * 60_000;

let lastInput = Date.now();
for (const event of ["pointerdown", "keydown", "wheel"])
  addEventListener(event, () => (lastInput = Date.now()), { capture: true, passive: true });

export const attended = () => !document.hidden && Date.now() - lastInput < ATTENDED_MS;

// While somebody is in a dialog everything stays as it is: what has brought it, a row say, may be gone
// in a newer answer, and the dialog with it. At its end everything is asked for again.
const still = () => document.querySelector("dialog[open]") !== null;

export interface Answer<T> {
  data: T | undefined;
  error: Problem | undefined;
  at: Date | undefined; // of `data`
  reload: () => void;
}

// What `command` answers, asked again every half minute while somebody looks at it. `command` "" asks
// for nothing. After an error the last answer stays.
export function useApi<T>(command: string, args: Args = {}, asks: Asks = call): Answer<T> {
  const key = command && may(command) ? `${command} ${JSON.stringify(args)}` : "";
  const [state, setState] = useState<Omit<Answer<T>, "reload"> & { key: string }>({
    key,
    data: undefined,
    error: undefined,
    at: undefined,
  });
  const current = useRef(key);
  current.current = key;
  const reload = useCallback(() => {
    if (!key || still()) return;
    asks<T>(command, args).then(
      data => {
        if (current.current === key && !still())
          setState({ key, data, error: undefined, at: new Date() });
      },
      (error: Problem) => {
        if (current.current === key && !still())
          setState(s =>
            s.key === key ? { ...s, error } : { key, data: undefined, error, at: undefined },
          );
      },
    );
  }, [key]);
  useEffect(() => {
    reload();
    const timer = setInterval(() => attended() && reload(), POLL_MS);
    const back = () => attended() && reload();
    document.addEventListener("visibilitychange", back);
    addEventListener("autarky-changed", reload);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", back);
      removeEventListener("autarky-changed", reload);
    };
  }, [reload]);
  return state.key === key
    ? { ...state, reload }
    : { data: undefined, error: undefined, at: undefined, reload };
}

// The same of a list in pages, whole.
export function useWhole<T>(command: string, args: Args = {}): Answer<T> {
  return useApi<T>(command, args, whole);
}

// Something was done: whatever is shown is asked for again.
export function changed() {
  dispatchEvent(new Event("autarky-changed"));
}
