// SPDX-License-Identifier: Apache-2.0
// The pages, in the order of the menu; src/ui/shell.c has their paths. Each is for whom its command is.
import type { ComponentType } from "preact";
import type { Key } from "./i18n";
import { Certificates } from "./pages/certificates";
import { Overview } from "./pages/overview";
import { later } from "./parts/later";
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
  { path: "sites", title: "sites", command: "site list", view: later("Sites") },
  { path: "inventory", title: "inventory", command: "inventory list", view: later("Inventory") },
  { path: "agents", title: "agents", command: "agent list", view: later("Agents") },
  { path: "alerts", title: "alerts", command: "alert list", view: later("Alerts") },
  { path: "approvals", title: "approvals", command: "approval list", view: later("Approvals") },
  { path: "acme", title: "acme", command: "account list", view: later("Acme") },
  { path: "policy", title: "policy", command: "policy explain", view: later("Policy") },
  { path: "ca", title: "ca", command: "issuer list", view: later("Ca") },
  { path: "audit", title: "audit", command: "audit list", view: later("Audit") },
  { path: "reports", title: "reports", command: "report list", view: later("Reports") },
  { path: "trust", title: "trust", command: "issuer list", view: later("Trust") },
  { path: "operators", title: "operators", command: "user list", view: later("Operators") },
  { path: "settings", title: "settings", command: "config show", view: later("Settings") },
];
