// SPDX-License-Identifier: Apache-2.0
// A page of those that are not loaded with the first.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";
import type * as Others from "../pages/others";
import type { Query } from "../router";

type View = ComponentType<{ query: Query }>;

let loaded: typeof Others | undefined;

export function later(name: keyof typeof Others): View {
  return function Later({ query }) {
    const [{ failed }, draw] = useState<{ failed?: boolean }>({});
    useEffect(() => {
      if (loaded) return;
      import("../pages/others").then(
        all => {
          loaded = all;
          draw({});
        },
        () => draw({ failed: true }),
      );
    }, []);
    const Shown = loaded?.[name] as View | undefined;
    return Shown ? (
      <Shown query={query} />
    ) : (
      <p class="faint">{t(failed ? "unreachable" : "loading")}</p>
    );
  };
}
