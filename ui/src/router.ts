// SPDX-License-Identifier: Apache-2.0
// Where we are: /ui/PAGE?filter=value. Every state that is worth a link is one.
import { useEffect, useState } from "preact/hooks";

export type Query = Record<string, string>;

export function link(page: string, query: Query = {}): string {
  const filled = Object.entries(query).filter(([, v]) => v !== "");
  const text = new URLSearchParams(filled).toString();
  return `/ui/${page}${text ? `?${text}` : ""}`;
}

export function here(): { page: string; query: Query } {
  return {
    page: location.pathname.slice("/ui/".length),
    query: Object.fromEntries(new URLSearchParams(location.search)),
  };
}

// Somebody is on the way to another page, which takes the focus when it is there.
export const way = { under: false };

export function go(url: string, replace = false) {
  if (url !== location.pathname + location.search)
    history[replace ? "replaceState" : "pushState"](null, "", url);
  way.under = true;
  dispatchEvent(new PopStateEvent("popstate"));
}

// What the server answers itself, /ui/sign-in, and places within a page are for the browser.
const ours = (a: HTMLAnchorElement) =>
  a.origin === location.origin &&
  a.pathname.startsWith("/ui/") &&
  !a.pathname.startsWith("/ui/sign-") &&
  !a.pathname.includes(".") &&
  !a.target &&
  !a.hash &&
  !a.hasAttribute("download");

export function useRoute() {
  const [route, setRoute] = useState(here);
  useEffect(() => {
    const moved = () => setRoute(here());
    const click = (e: MouseEvent) => {
      if (e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey)
        return;
      const a = e.target instanceof Element ? e.target.closest("a") : null;
      if (!a || !ours(a)) return;
      e.preventDefault();
      go(a.pathname + a.search);
      scrollTo(0, 0);
    };
    addEventListener("popstate", moved);
    document.addEventListener("click", click);
    return () => {
      removeEventListener("popstate", moved);
      document.removeEventListener("click", click);
    };
  }, []);
  return route;
}
