// SPDX-License-Identifier: Apache-2.0
// The pages, in the order of the menu; src/ui/shell.c has their paths. Each is for whom its command is.
import type { ComponentType } from "preact";
import type { Key } from "./i18n";
import { Certificates } from "./pages/certificates";
import { Overview } from "./pages/overview";
import type { Query } from "./router";

export interface PageOf {
  path: string;
  title: Key;
  command: string;
  view: ComponentType<{ query: Query }>;
}

export const pages: PageOf[] = [
  { path: "", title: "overview", command: "status", view: Overview },
  { path: "certificates", title: "certificates", command: "cert list", view: Certificates },
];
