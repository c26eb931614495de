// SPDX-License-Identifier: Apache-2.0
// What scans have seen in the network, and what nobody has seen.
import { useEffect, useState } from "preact/hooks";
import { everyRow, useApi, useWhole } from "../api";
import { type Key, t } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { type Column, Table } from "../parts/table";
import { Cli, Days, Facts, quoted, State, When } from "../parts/text";
import { go, link, type Query } from "../router";
import type { Certificate, Listed } from "../types";
import { certificateColumns } from "./certificates";

interface Endpoint {
  endpoint: string;
  protocol: string;
  address: string;
  port: number;
  name?: string;
  state: string;
  versions: string[];
  groups: string[];
  cipher?: string;
  verdicts: string[];
  weak?: string;
  why?: string;
  first_seen: string;
  last_seen: string;
  changed: string;
  owner?: string;
  service?: string;
  owner_from?: string;
  certificate?: {
    sha256: string;
    subject?: string;
    issuer?: string;
    serial?: string;
    not_after?: string;
    key?: string;
    names?: string[];
    pem?: string;
  };
}

interface Change {
  time: string;
  what: string;
  old: string | null;
  new: string | null;
}

const fine = new Set(["ours", "current"]);
const bad = new Set(["expired", "mismatched", "revoked", "weak", "early"]);

function Verdicts({ of }: { of: string[] }) {
  return (
    <>
      {of.map(v => (
        <State key={v} kind={bad.has(v) ? "failed" : fine.has(v) ? "ok" : "warning"}>
          {v}
        </State>
      ))}
    </>
  );
}

function columns(): Column<Endpoint>[] {
  return [
    {
      id: "endpoint",
      label: t("endpoint"),
      value: e => e.endpoint,
      cell: e => <a href={link("inventory", { endpoint: e.endpoint })}>{e.endpoint}</a>,
    },
    {
      id: "verdicts",
      label: t("verdict"),
      value: e => e.verdicts.join(" "),
      cell: e => <Verdicts of={e.verdicts} />,
    },
    {
      id: "not_after",
      label: t("days_left"),
      value: e => e.certificate?.not_after,
      cell: e => <Days until={e.certificate?.not_after} />,
      number: true,
    },
    { id: "subject", label: t("subject"), value: e => e.certificate?.subject },
    { id: "issuer", label: t("issuer"), value: e => e.certificate?.issuer },
    { id: "owner", label: t("owner"), value: e => e.owner },
    {
      id: "last_seen",
      label: t("last_seen"),
      value: e => e.last_seen,
      cell: e => <When at={e.last_seen} />,
    },
  ];
}

const verdicts = ["", "expired", "foreign", "mismatched", "weak", "revoked", "superseded"];

function List({ query }: { query: Query }) {
  const args = filled({
    under: query.under,
    verdict: query.verdict,
    owner: query.owner,
    network: query.network,
    sort: query.sort,
    cursor: query.cursor,
  });
  const { cursor: _, ...withoutCursor } = args;
  const list = useApi<Listed<Endpoint>>("inventory list", { ...args, limit: 50 });
  const [draft, setDraft] = useState(query);
  const key = JSON.stringify(query);
  useEffect(() => setDraft(query), [key]);
  const field = (name: string, label: Key) => (
    <label>
      {t(label)}
      <input
        name={name}
        value={draft[name] ?? ""}
        onInput={e => setDraft({ ...draft, [name]: e.currentTarget.value })}
      />
    </label>
  );
  return (
    <Page title={t("inventory")} of={[list]}>
      <section aria-label={t("search")}>
        <search>
          <form
            class="search"
            onSubmit={e => {
              e.preventDefault();
              go(link("inventory", { ...draft, cursor: "" }));
            }}
          >
            {field("under", "domain")}
            {field("network", "network")}
            {field("owner", "owner")}
            {field("verdict", "verdict")}
            <button type="submit" class="go">
              {t("search")}
            </button>
          </form>
        </search>
        <ul class="chips" aria-label={t("filters")}>
          {verdicts.map(v => (
            <li key={v}>
              <a
                href={link("inventory", { verdict: v })}
                {...((query.verdict ?? "") === v ? { "aria-current": "true" as const } : {})}
              >
                {v || t("all")}
              </a>
            </li>
          ))}
        </ul>
      </section>
      <Card title={t("seen_endpoints")}>
        <Table
          name="inventory"
          caption={t("seen_endpoints")}
          columns={columns()}
          rows={list.data?.items}
          rowKey={e => e.endpoint}
          sortable={false}
          all={() => everyRow<Endpoint>("inventory list", withoutCursor)}
          empty={
            <>
              <p>{t("nothing_seen")}</p>
              <Cli command="autarky scan 10.0.3.0/24" />
            </>
          }
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.cursor && (
            <a href={link("inventory", { ...query, cursor: "" })}>{t("first_page")}</a>
          )}
          {list.data?.next && (
            <a href={link("inventory", { ...query, cursor: list.data.next })}>{t("next_page")}</a>
          )}
        </nav>
      </Card>
      <Orphans />
    </Page>
  );
}

function Orphans() {
  const list = useApi<Listed<Certificate>>("inventory orphans", { limit: 50 });
  return (
    <Card title={t("orphans")}>
      <p>{t("orphans_text")}</p>
      <Table
        name="orphans"
        caption={t("orphans")}
        columns={certificateColumns()}
        rows={list.data?.items}
        rowKey={c => c.id}
        all={() => everyRow<Certificate>("inventory orphans")}
        more={list.data?.next}
        empty={<p>{t("no_orphans")}</p>}
      />
    </Card>
  );
}

function OwnerAction({ of }: { of: Endpoint }) {
  return (
    <Action
      command="inventory owner"
      label={t("owner_set")}
      title={t("owner_title", of.endpoint)}
      text={<p>{t("owner_text")}</p>}
      fields={[
        { name: "owner", label: t("owner"), value: of.owner ?? "" },
        { name: "service", label: t("service"), value: of.service ?? "" },
        { name: "why", label: t("reason_why") },
      ]}
      args={v =>
        filled({ endpoint: of.endpoint, owner: v.owner, service: v.service, reason: v.why })
      }
      cli={v =>
        `autarky inventory owner ${quoted(of.endpoint)}${option("owner", v.owner)}${option("service", v.service)}${option("reason", v.why)}`
      }
    />
  );
}

function One({ endpoint }: { endpoint: string }) {
  const shown = useApi<Endpoint>("inventory show", { endpoint });
  const history = useWhole<{ changes: Change[] }>("inventory history", { endpoint });
  const e = shown.data;
  const c = e?.certificate;
  return (
    <Page title={endpoint} of={[shown, history]} actions={e && <OwnerAction of={e} />}>
      <p>
        <a href={link("inventory")}>← {t("inventory")}</a>
      </p>
      {e && (
        <Card title={t("endpoint")}>
          <Facts
            of={[
              [t("verdict"), <Verdicts key="v" of={e.verdicts} />],
              [t("reason"), e.why],
              [t("weak"), e.weak],
              [t("owner"), e.owner],
              [t("service"), e.service],
              ["TLS", e.versions.join(" ")],
              [t("cipher"), e.cipher],
              [t("groups"), e.groups.join(" ")],
              [
                t("certificate"),
                c?.serial ? (
                  <a href={link("certificates", { serial: c.serial })}>{c.subject}</a>
                ) : (
                  c?.subject
                ),
              ],
              [t("issuer"), c?.issuer],
              [t("names"), c?.names?.join(", ")],
              [t("days_left"), <Days key="d" until={c?.not_after} />],
              [t("key"), c?.key],
              ["SHA-256", c && <code class="hex">{c.sha256}</code>],
              [t("first_seen"), <When key="f" at={e.first_seen} time />],
              [t("last_seen"), <When key="l" at={e.last_seen} time />],
            ]}
          />
        </Card>
      )}
      <Card title={t("changes")}>
        <Table
          name={`changes-${endpoint}`}
          caption={t("changes")}
          columns={[
            {
              id: "time",
              label: t("at"),
              value: h => h.time,
              cell: h => <When at={h.time} time />,
            },
            { id: "what", label: t("what"), value: h => h.what },
            { id: "old", label: t("was"), value: h => h.old },
            { id: "new", label: t("now"), value: h => h.new },
          ]}
          rows={history.data?.changes}
          rowKey={h => h.time + h.what}
          empty={<p>{t("no_changes")}</p>}
        />
      </Card>
    </Page>
  );
}

export function Inventory({ query }: { query: Query }) {
  return query.endpoint ? <One endpoint={query.endpoint} /> : <List query={query} />;
}
