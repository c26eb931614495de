// SPDX-License-Identifier: Apache-2.0
// What /api/v1/ answers, as far as pages show it.
export interface Listed<T> {
  items: T[];
  next?: string | null;
}

export interface Certificate {
  id: string;
  serial: string;
  names: string[];
  issuer: string | null;
  hierarchy: string;
  profile: string;
  origin: string;
  not_before: string;
  not_after: string;
  issued: string;
  status: string;
  revoked?: string;
  reason?: number;
  account: string | null;
  requester: string | null;
  owner: string | null;
  team: string | null;
  service: string | null;
  spki_sha256: string;
}

export interface CertificateShown extends Certificate {
  sha256: string;
  why: string | null;
  order: string | null;
  replaces: string | null;
  logical: string;
  logical_others: number;
  escrow: { key: string; since: string } | null;
  subject: string;
  key: string | null;
  key_usage: string[];
  extended_key_usage: string[];
  crl_urls: string[];
  ocsp_urls: string[];
  certificate: string;
  chain: string;
  root: string;
}

export interface Lock {
  id: string;
  scope: string;
  value?: string;
  renewals: boolean;
  new_names: boolean;
  reason: string;
  set_by: string;
  set: string;
  lifted?: string;
  lifted_by?: string;
  lifted_reason?: string;
}

export interface ServerProcess {
  role: string;
  pid: number;
  state: string;
  restarts: number;
  started: string;
  sandbox: string;
}

export interface Prober {
  name: string;
  connected: boolean;
  seen?: string;
  expires?: string;
  address?: string;
  attempts: number;
}

export interface StatusAnswer {
  version: string;
  organization: string;
  domain: string;
  healthy: boolean;
  generation: number;
  frozen: Lock[];
  certificates: { issued: number; valid: number; expiring_in_30d: number; revoked: number };
  revocation?: {
    shards: number;
    lists: number;
    entries: number;
    oldest: string;
    next_update: string;
    overdue: number;
    behind: number;
    answers: number;
  };
  processes: ServerProcess[];
  probers: Prober[];
  alerts: { warning: number; critical: number; waiting: number; failing: number };
  policy_waits: string | null;
  policy_other: boolean;
}

export interface Check {
  name: string;
  state: "ok" | "warning" | "failed";
  text: string;
  cure: string | null;
}

export interface DoctorAnswer {
  checks: Check[];
  healthy: boolean;
}

export interface NumbersAnswer {
  at: string;
  days: number[];
  later: number;
  issued: number[];
  validated: { day: number; week: number };
  failed: { day: number; week: number };
  ages: { from: number; before: number | null; n: number }[];
  renewals: { day: number; week: number; looked: number; late: number };
  forecast: number[];
  failures: { reason: string; day: number; week: number }[];
  failures_looked: number;
  issue_ms: Spans | null;
  proof_ms: Spans | null;
  agents_failing: number;
  limit: { count: number; per: number; taken: number } | null; // per: seconds
  rule_limits: { rule: string; count: number; per: number; taken: number }[];
}

export interface Spans {
  n: number;
  median: number;
  p95: number;
}

export interface SiteCertificate {
  algorithm: string;
  state: string;
  reason: string | null;
  not_after: string | null;
  next_at: string | null;
  failures: number;
}

export interface Site {
  name: string;
  backends: string[];
  profile: string;
  passes: boolean;
  certificates: SiteCertificate[];
}

export interface SitesAnswer {
  keeper: string;
  items: Site[];
}

export interface Approval {
  id: string;
  action: string;
  what: string;
  state: string;
  asked_by: string | null;
  asked: string;
  expires: string;
  decided_by: string | null;
  approvers: number;
  granted: number;
}

export interface ApprovalShown extends Approval {
  reason: string | null;
  scope: string;
  votes: { by: string; at: string; grant: boolean; reason: string | null }[];
  account?: string | null;
  order?: string | null;
  client?: string | null;
  profile?: string | null;
  key?: string | null;
  rules?: string | null;
  names?: { name: string; unicode: string }[];
  evidence?: unknown;
  changes?: { key: string; was: unknown; now: unknown }[];
}

export interface Alert {
  id: string;
  key: string;
  kind: string;
  severity: string;
  object?: string;
  summary: string;
  action?: string;
  owner?: string;
  team?: string;
  ends?: string;
  started: string;
  resolved?: string;
  acked?: { at: string; by: string; reason?: string };
}

export interface Silence {
  id: string;
  kind?: string;
  object?: string;
  owner?: string;
  until: string;
  reason?: string;
  set_by: string;
}

export interface AlertsAnswer extends Listed<Alert> {
  silences?: Silence[]; // on the first page
}

export interface Delivery {
  id: string;
  receiver: string;
  subject: string;
  created: string;
  attempts: number;
  delivered?: string;
  given_up: boolean;
  error?: string;
}

export interface AlertShown extends Alert {
  told: {
    receiver: string;
    left?: number;
    over: boolean;
    at: string;
    attempts?: number;
    delivered?: string;
    given_up?: boolean;
    error?: string;
  }[];
}

// Of the configuration.
export interface Receiver {
  name: string;
  kind: string;
  url?: string | null;
  server?: string | null;
  to?: string[] | null;
}

export interface Route {
  at?: string[] | null;
  kinds?: string[] | null;
  to: string[];
  after?: string | null;
  repeat?: string | null;
  quiet?: string | null;
}
