// SPDX-License-Identifier: Apache-2.0
// The register: search, one certificate, revoking, certifying a request.
import { useEffect, useState } from "preact/hooks";
import { type Args, everyRow, may, useApi } from "../api";
import { save } from "../export";
import { type Key, t } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { type Column, Table } from "../parts/table";
import { Cli, Copy, Days, Facts, quoted, State, Status, When } from "../parts/text";
import { go, link, type Query } from "../router";
import { inDays } from "../time";
import type { Certificate, CertificateShown, Listed } from "../types";

const PAGE = 50;
const NAMES_SHOWN = 3;

function Names({ of }: { of: Certificate }) {
  const more = of.names.length - NAMES_SHOWN;
  return (
    <a href={link("certificates", { serial: of.serial })} class="names">
      {of.names.slice(0, NAMES_SHOWN).map(n => (
        <span key={n}>{n}</span>
      ))}
      {more > 0 && <small class="faint">{t("and_more", more)}</small>}
      {of.names.length === 0 && of.serial}
    </a>
  );
}

export function certificateColumns(): Column<Certificate>[] {
  return [
    { id: "names", label: t("names"), value: c => c.names.join(" "), cell: c => <Names of={c} /> },
    {
      id: "status",
      label: t("state"),
      value: c => c.status,
      cell: c => <Status value={c.status} />,
    },
    {
      id: "not_after",
      label: t("days_left"),
      value: c => c.not_after,
      cell: c => (c.status === "valid" ? <Days until={c.not_after} /> : <When at={c.not_after} />),
      number: true,
    },
    {
      id: "issuer",
      label: t("issuer"),
      value: c => c.issuer,
      cell: c => <span class="nowrap">{c.issuer}</span>,
    },
    {
      id: "profile",
      label: t("profile"),
      value: c => c.profile,
      cell: c => <span class="nowrap">{c.profile}</span>,
    },
    { id: "origin", label: t("origin"), value: c => c.origin },
    { id: "owner", label: t("owner"), value: c => c.owner },
    { id: "issued", label: t("issued"), value: c => c.issued, cell: c => <When at={c.issued} /> },
    {
      id: "serial",
      label: t("serial"),
      value: c => c.serial,
      cell: c => <code class="serial">{c.serial.slice(0, 10)}…</code>,
    },
  ];
}

// ---- search

const filters = [
  "q",
  "status",
  "sort",
  "within",
  "from",
  "profile",
  "issuer",
  "owner",
  "key",
] as const;

// What somebody has typed: a serial, exactly a name, or a domain and all below it.
function meant(q: string): Args {
  const text = q.trim();
  if (/^[0-9a-f]{2}(:?[0-9a-f]{2}){7,}$/i.test(text)) return { serial: text };
  if (/[*@:/]|^[0-9.]+$/.test(text)) return { name: text };
  return { under: text };
}

function argsOf(query: Query): Args {
  return filled({
    ...(query.q ? meant(query.q) : {}),
    status: query.status,
    sort: query.sort,
    profile: query.profile,
    issuer: query.issuer,
    owner: query.owner,
    key: query.key,
    expires_after: query.from ? inDays(Number(query.from)) : undefined,
    expires_before: query.within ? inDays(Number(query.within)) : undefined,
    cursor: query.cursor,
    ...(query.staging ? { staging: true } : {}),
  });
}

function cliOf(query: Query): string {
  const args = argsOf(query);
  const flags: [string, string][] = [
    ["name", "name"],
    ["under", "under"],
    ["serial", "serial"],
    ["status", "status"],
    ["issuer", "issuer"],
    ["owner", "owner"],
    ["key", "public-key"],
    ["expires_after", "expires-after"],
    ["expires_before", "expires-before"],
  ];
  const given = flags.map(([arg, flag]) => option(flag, args[arg] as string | undefined)).join("");
  return `autarky cert find${given}`;
}

const quick: [Key, Query][] = [
  ["all", {}],
  ["w_valid", { status: "valid" }],
  ["end_in_7", { sort: "expiry", within: "7" }],
  ["end_in_30", { sort: "expiry", within: "30" }],
  ["w_revoked", { status: "revoked" }],
  ["staging", { staging: "yes" }],
];

function Search({ query }: { query: Query }) {
  const [draft, setDraft] = useState(query);
  const key = JSON.stringify(query);
  useEffect(() => setDraft(query), [key]);
  const set = (name: string) => (e: Event) =>
    setDraft({ ...draft, [name]: (e.currentTarget as HTMLInputElement).value });
  const submit = (e: Event) => {
    e.preventDefault();
    const { cursor: _, ...kept } = draft;
    go(link("certificates", kept));
  };
  const field = (name: (typeof filters)[number], label: Key, hint = "") => (
    <label>
      {t(label)}
      <input name={name} value={draft[name] ?? ""} placeholder={hint} onInput={set(name)} />
    </label>
  );
  return (
    <section aria-label={t("search")}>
      <search>
        <form class="search" onSubmit={submit}>
          <label class="wide">
            {t("search_what")}
            <input name="q" type="search" value={draft.q ?? ""} onInput={set("q")} />
          </label>
          <label>
            {t("state")}
            <select name="status" value={draft.status ?? ""} onChange={set("status")}>
              <option value="">{t("any")}</option>
              <option value="valid">{t("w_valid")}</option>
              <option value="revoked">{t("w_revoked")}</option>
            </select>
          </label>
          <label>
            {t("order")}
            <select name="sort" value={draft.sort ?? ""} onChange={set("sort")}>
              <option value="">{t("newest_first")}</option>
              <option value="expiry">{t("soonest_first")}</option>
            </select>
          </label>
          {field("within", "ends_within")}
          {field("issuer", "issuer", "ecdsa-1")}
          {field("profile", "profile", "default")}
          {field("owner", "owner")}
          <button type="submit" class="go">
            {t("search")}
          </button>
        </form>
      </search>
      <ul class="chips" aria-label={t("filters")}>
        {quick.map(([label, q]) => (
          <li key={label}>
            <a
              href={link("certificates", q)}
              {...(link("certificates", q) === link("certificates", query)
                ? { "aria-current": "true" as const }
                : {})}
            >
              {t(label)}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function List({ query }: { query: Query }) {
  const args = argsOf(query);
  const list = useApi<Listed<Certificate>>("cert list", { ...args, limit: PAGE });
  const next = list.data?.next;
  const { cursor: _, ...withoutCursor } = args;
  return (
    <Page title={t("certificates")} of={[list]} actions={<SignAction />}>
      <Search query={query} />
      <Card title={query.q ? t("found") : t("certificates")}>
        <Table
          name="certificates"
          caption={t("certificates")}
          columns={certificateColumns()}
          rows={list.data?.items}
          rowKey={c => c.id}
          sortable={false}
          all={() => everyRow<Certificate>("cert list", withoutCursor)}
          empty={<p>{t("none_found")}</p>}
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.cursor && (
            <a href={link("certificates", { ...query, cursor: "" })}>{t("first_page")}</a>
          )}
          {next && <a href={link("certificates", { ...query, cursor: next })}>{t("next_page")}</a>}
        </nav>
        <p class="same">
          <small class="faint">{t("same_as")}</small> <Cli command={cliOf(query)} />
        </p>
      </Card>
    </Page>
  );
}

// ---- one of them

const reasons = [
  "superseded",
  "keyCompromise",
  "affiliationChanged",
  "cessationOfOperation",
  "privilegeWithdrawn",
  "unspecified",
];

// RFC 5280 section 5.3.1.
const reasonNames: Record<number, string> = {
  0: "unspecified",
  1: "keyCompromise",
  3: "affiliationChanged",
  4: "superseded",
  5: "cessationOfOperation",
  9: "privilegeWithdrawn",
};

function RevokeAction({ of }: { of: CertificateShown }) {
  const name = of.names[0] ?? of.serial;
  return (
    <Action
      command="cert revoke"
      label={t("revoke")}
      title={t("revoke_title", name)}
      danger
      confirm={name}
      text={<p>{t("revoke_text")}</p>}
      fields={[
        { name: "reason", label: t("reason"), options: reasons.map(r => [r, r]) },
        ...(of.logical_others
          ? [
              {
                name: "whole",
                label: t("revoke_whole", String(of.logical_others)),
                type: "checkbox" as const,
              },
            ]
          : []),
        { name: "why", label: t("reason_why") },
      ]}
      args={v => ({
        ...filled({ serial: of.serial, reason: v.reason, why: v.why }),
        ...(v.whole ? { whole: true } : {}),
      })}
      cli={v =>
        `autarky cert revoke ${of.serial}${option("reason", v.reason)}${v.whole ? " --whole" : ""}${option("why", v.why)}`
      }
    />
  );
}

function PullAction({ of }: { of: Certificate }) {
  return (
    <Action
      command="renewal pull"
      label={t("pull")}
      title={t("pull_title")}
      text={<p>{t("pull_text")}</p>}
      fields={[
        { name: "within", label: t("pull_within"), value: "24h" },
        { name: "why", label: t("reason_why") },
      ]}
      args={v => filled({ public_key: of.spki_sha256, within: v.within, reason: v.why })}
      cli={v =>
        `autarky renewal pull --public-key ${of.spki_sha256}${option("within", v.within)}${option("reason", v.why)}`
      }
    />
  );
}

function Files({
  pem,
  name,
}: {
  pem: { certificate: string; chain: string; root: string };
  name: string;
}) {
  const file = (label: string, text: string) =>
    text ? (
      <button
        type="button"
        class="small"
        onClick={() => save(label, "application/x-pem-file", text)}
      >
        {label}
      </button>
    ) : null;
  return (
    <div class="actions">
      {file(`${name}-cert.pem`, pem.certificate)}
      {file(`${name}-chain.pem`, pem.chain)}
      {file(`${name}-fullchain.pem`, pem.certificate + pem.chain)}
      {file(`${name}-root.pem`, pem.root)}
    </div>
  );
}

// What is between the lines of a PEM file, as the API takes it.
function base64url(pem: string): string {
  return pem
    .replace(/-----[^-]*-----/g, "")
    .replace(/\s/g, "")
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

export function SignAction() {
  return (
    <Action
      command="cert sign"
      label={t("sign")}
      title={t("sign_title")}
      text={<p>{t("sign_text")}</p>}
      fields={[
        { name: "csr", label: t("sign_csr"), type: "textarea", required: true },
        { name: "names", label: t("names"), hint: t("sign_names_hint") },
        { name: "profile", label: t("profile"), value: "default" },
        { name: "owner", label: t("owner") },
        { name: "why", label: t("reason_why") },
      ]}
      args={v => ({
        ...filled({
          csr: base64url(v.csr ?? ""),
          profile: v.profile,
          owner: v.owner,
          reason: v.why,
        }),
        ...(v.names?.trim() ? { names: v.names.trim().split(/[\s,]+/) } : {}),
      })}
      cli={v =>
        `autarky cert sign request.csr${(v.names ?? "")
          .trim()
          .split(/[\s,]+/)
          .filter(Boolean)
          .map(n => ` --name ${quoted(n)}`)
          .join(
            "",
          )}${option("profile", v.profile)}${option("owner", v.owner)}${option("reason", v.why)} --out DIR`
      }
      done={a => <Signed answer={a as unknown as CertificateShown} />}
    />
  );
}

function Signed({ answer }: { answer: CertificateShown }) {
  return (
    <>
      <p>
        <a href={link("certificates", { serial: answer.serial })}>{answer.names?.join(", ")}</a>
      </p>
      <Files pem={answer} name={answer.names?.[0] ?? answer.serial} />
    </>
  );
}

interface Seen {
  endpoint: string;
  last_seen: string;
  verdicts: string[];
  certificate?: { serial?: string; not_after?: string } | null;
}

function Served({ of }: { of: CertificateShown }) {
  const name =
    of.names.find(n => /^[a-z0-9]/i.test(n) && !/^[0-9.:]+$/.test(n) && !n.includes("@")) ?? "";
  const list = useApi<Listed<Seen>>(name ? "inventory list" : "", { under: name, limit: 200 });
  if (!name || !may("inventory list")) return null;
  const same = (s: Seen) => s.certificate?.serial === of.serial;
  return (
    <Card title={t("where_served")}>
      <Table
        name={`served-${of.serial}`}
        caption={t("where_served")}
        columns={[
          {
            id: "endpoint",
            label: t("endpoint"),
            value: s => s.endpoint,
            cell: s => <a href={link("inventory", { endpoint: s.endpoint })}>{s.endpoint}</a>,
          },
          {
            id: "this_one",
            label: t("this_one"),
            value: s => (same(s) ? "yes" : "no"),
            cell: s =>
              same(s) ? (
                <State kind="ok">{t("yes")}</State>
              ) : (
                <State kind="quiet">{t("another")}</State>
              ),
          },
          {
            id: "not_after",
            label: t("days_left"),
            value: s => s.certificate?.not_after,
            cell: s => <Days until={s.certificate?.not_after} />,
            number: true,
          },
          {
            id: "last_seen",
            label: t("last_seen"),
            value: s => s.last_seen,
            cell: s => <When at={s.last_seen} time />,
          },
        ]}
        rows={list.data?.items}
        rowKey={s => s.endpoint}
        empty={
          <>
            <p>{t("never_seen")}</p>
            <Cli command={`autarky scan ${quoted(name)}:443`} />
          </>
        }
      />
    </Card>
  );
}

// Those before and after it: what was issued for its first name.
function History({ of }: { of: CertificateShown }) {
  const name = of.names[0] ?? "";
  const list = useApi<Listed<Certificate>>(name ? "cert list" : "", { name, limit: 50 });
  if (!name) return null;
  return (
    <Card title={t("history")}>
      <Table
        name={`history-${of.serial}`}
        caption={t("history")}
        columns={certificateColumns()}
        rows={list.data?.items}
        rowKey={c => c.id}
        empty={<p>{t("none_found")}</p>}
      />
    </Card>
  );
}

function Chain({ of }: { of: CertificateShown }) {
  const n = of.chain.split("-----BEGIN CERTIFICATE-----").length - 1;
  return (
    <Card title={t("chain")}>
      <ol class="chain">
        <li>{of.subject}</li>
        <li>
          <a href={link("ca", { issuer: of.issuer ?? "" })}>{of.issuer}</a>{" "}
          <small class="faint">{t("chain_of", n)}</small>
        </li>
        <li>{t("root_of", of.hierarchy)}</li>
      </ol>
      <Files pem={of} name={of.names[0] ?? of.serial} />
    </Card>
  );
}

function facts(c: CertificateShown): [string, preact.ComponentChildren][] {
  const revoked =
    c.status === "revoked" ? (
      <>
        <When at={c.revoked} time /> · {reasonNames[c.reason ?? 0] ?? c.reason}
      </>
    ) : null;
  return [
    [
      t("state"),
      <>
        <Status value={c.status} /> {revoked}
      </>,
    ],
    [
      t("names"),
      <span class="names">
        {c.names.map(n => (
          <a key={n} href={link("certificates", { q: n })}>
            {n}
          </a>
        ))}
      </span>,
    ],
    [
      t("valid_until"),
      <>
        <When at={c.not_before} time /> – <When at={c.not_after} time />
      </>,
    ],
    [t("days_left"), <Days until={c.not_after} />],
    [
      t("serial"),
      <>
        <code>{c.serial}</code> <Copy text={c.serial} />
      </>,
    ],
    [t("issuer"), c.issuer && <a href={link("certificates", { issuer: c.issuer })}>{c.issuer}</a>],
    [t("profile"), <a href={link("certificates", { profile: c.profile })}>{c.profile}</a>],
    [t("key"), c.key],
    [t("usage"), [...c.key_usage, ...c.extended_key_usage].join(", ")],
    [t("origin"), c.origin],
    [t("account"), c.account && <a href={link("acme", { account: c.account })}>{c.account}</a>],
    [t("requester"), c.requester],
    [t("owner"), c.owner && <a href={link("certificates", { owner: c.owner })}>{c.owner}</a>],
    [t("team"), c.team],
    [t("service"), c.service],
    [t("reason_why"), c.why],
    [t("issued"), <When at={c.issued} time />],
    ["SHA-256", <code class="hex">{c.sha256}</code>],
    [
      t("public_key"),
      <a class="hex" href={link("certificates", { key: c.spki_sha256 })}>
        <code>{c.spki_sha256}</code>
      </a>,
    ],
    [
      t("escrow"),
      c.escrow && (
        <>
          {t("escrow_means")} <code class="hex">{c.escrow.key}</code>
        </>
      ),
    ],
    [t("crl"), c.crl_urls.join(" ")],
    ["OCSP", c.ocsp_urls.join(" ")],
  ];
}

function One({ serial }: { serial: string }) {
  const shown = useApi<CertificateShown>("cert show", { serial });
  const c = shown.data;
  return (
    <Page
      title={c?.names[0] ?? t("certificate")}
      of={[shown]}
      actions={
        c && (
          <>
            {c.status === "valid" && <PullAction of={c} />}
            {c.status === "valid" && <RevokeAction of={c} />}
          </>
        )
      }
    >
      <p>
        <a href={link("certificates")}>← {t("certificates")}</a>
      </p>
      {c && (
        <>
          <Card title={t("certificate")}>
            <Facts of={facts(c)} />
            <p class="same">
              <small class="faint">{t("same_as")}</small>{" "}
              <Cli command={`autarky cert show ${c.serial}`} />
            </p>
          </Card>
          <Chain of={c} />
          <Served of={c} />
          <History of={c} />
        </>
      )}
    </Page>
  );
}

export function Certificates({ query }: { query: Query }) {
  return query.serial ? <One serial={query.serial} /> : <List query={query} />;
}
