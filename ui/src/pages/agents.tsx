// SPDX-License-Identifier: Apache-2.0
// Agents on other hosts: how they are, and what each reported last.
import { everyRow, useApi, useWhole } from "../api";
import { t, word } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, Copy, Days, Facts, quoted, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type { Listed } from "../types";

interface Agent {
  id: string;
  name: string;
  state: string;
  enrolled: string;
  enrolled_by: string;
  reported?: string;
  address?: string;
  version?: string;
  certificates?: number;
  failing?: number;
  unproven?: number;
  next?: string;
  skew_ms?: number;
  renewal_asked?: string;
}

interface Kept {
  directory: string;
  names?: string[];
  not_after?: string;
  next?: string;
  failures?: number;
  why?: string;
  proven?: string;
  issue_ms?: number;
  prove_ms?: number;
}

interface Change {
  directory: string;
  n: number;
  at: string;
  what: string;
  subject?: string;
  by?: string;
  why?: string;
}

interface Shown extends Agent {
  certificate?: string;
  report: { renews: boolean; more: number; certificates: Kept[]; changes?: Change[] } | null;
}

interface Token {
  id: string;
  name?: string;
  created_by: string;
  expires: string;
}

interface Agents {
  items: Agent[];
  next: string | null;
  agents: number;
  silent: number;
  failing: number;
  enabled: boolean;
}

function NewToken() {
  return (
    <Action
      command="agent token"
      label={t("agent_token")}
      title={t("agent_token_title")}
      text={<p>{t("agent_token_text")}</p>}
      fields={[
        { name: "name", label: t("name") },
        { name: "within", label: t("agent_within") },
        { name: "why", label: t("reason_why") },
      ]}
      args={v => filled({ name: v.name, within: v.within, reason: v.why })}
      cli={v =>
        `autarky agent token create${option("name", v.name)}${option("within", v.within)}${option("reason", v.why)}`
      }
      done={a => (
        <Facts
          of={[
            [
              t("token"),
              <span key="t">
                <code class="hex">{String(a.token)}</code> <Copy text={String(a.token)} />
              </span>,
            ],
            ["", t("shown_once")],
          ]}
        />
      )}
    />
  );
}

function Remove({ name, called, text }: { name: string; called: string; text: string }) {
  return (
    <Action
      command="agent remove"
      label={t("remove")}
      title={t("agent_remove_title", called)}
      danger
      confirm={called}
      text={<p>{text}</p>}
      fields={[{ name: "why", label: t("reason_why") }]}
      args={v => filled({ name, reason: v.why })}
      cli={v => `autarky agent remove ${quoted(name)}${option("reason", v.why)}`}
    />
  );
}

function Renew({ name }: { name: string }) {
  return (
    <Action
      command="agent renew"
      label={t("renew_now")}
      title={t("agent_renew_title", name)}
      text={<p>{t("agent_renew_text")}</p>}
      fields={[{ name: "why", label: t("reason_why") }]}
      args={v => filled({ name, reason: v.why })}
      cli={v => `autarky agent renew ${quoted(name)}${option("reason", v.why)}`}
    />
  );
}

function One({ name }: { name: string }) {
  const shown = useApi<Shown>("agent show", { name });
  const a = shown.data;
  return (
    <Page
      title={name}
      of={[shown]}
      actions={
        a ? (
          <>
            <Renew name={a.name} />
            <Remove name={a.name} called={a.name} text={t("agent_remove_text")} />
          </>
        ) : null
      }
    >
      <p>
        <a href={link("agents")}>← {t("agents")}</a>
      </p>
      {a && (
        <Card title={t("agent")}>
          <Facts
            of={[
              [t("state"), <Status key="s" value={a.state} />],
              [t("agent_reported"), <When key="r" at={a.reported} time />],
              [t("agent_address"), a.address],
              [t("agent_version"), a.version],
              [t("agent_skew"), a.skew_ms === undefined ? "" : `${a.skew_ms} ms`],
              [t("agent_enrolled"), <When key="e" at={a.enrolled} time />],
              [t("agent_obeys"), a.report?.renews ? t("yes") : t("no")],
            ]}
          />
        </Card>
      )}
      <Card title={t("certificates")}>
        <Table
          name="agent-certificates"
          caption={t("certificates")}
          columns={[
            {
              id: "directory",
              label: t("agent_directory"),
              value: c => c.directory,
              cell: c => <span class="hex">{c.directory}</span>,
            },
            { id: "names", label: t("names"), value: c => (c.names ?? []).join(" ") },
            {
              id: "not_after",
              label: t("days_left"),
              value: c => c.not_after,
              cell: c => <Days until={c.not_after} />,
              number: true,
            },
            {
              id: "next",
              label: t("next_renewal"),
              value: c => c.next,
              cell: c => <When at={c.next} time />,
            },
            {
              id: "proven",
              label: t("agent_proven"),
              value: c => c.proven,
              cell: c => <When at={c.proven} time />,
            },
            { id: "issue", label: t("agent_issue"), value: c => c.issue_ms, number: true },
            { id: "prove", label: t("agent_prove"), value: c => c.prove_ms, number: true },
            { id: "failures", label: t("failures"), value: c => c.failures, number: true },
            { id: "why", label: t("reason"), value: c => c.why },
          ]}
          rows={a?.report?.certificates}
          rowKey={c => c.directory}
          empty={<p>{t("agent_nothing")}</p>}
        />
      </Card>
      <Card title={t("agent_changes")}>
        <Table
          name="agent-changes"
          caption={t("agent_changes")}
          columns={[
            { id: "at", label: t("at"), value: c => c.at, cell: c => <When at={c.at} time /> },
            { id: "what", label: t("event"), value: c => word(c.what) },
            { id: "subject", label: t("agent_subject"), value: c => c.subject },
            { id: "by", label: t("agent_by"), value: c => c.by },
            { id: "why", label: t("reason"), value: c => c.why },
            {
              id: "directory",
              label: t("agent_directory"),
              value: c => c.directory,
              cell: c => <span class="hex">{c.directory}</span>,
            },
          ]}
          rows={a?.report?.changes?.slice().reverse()}
          rowKey={c => `${c.directory} ${c.n}`}
          empty={<p>{t("agent_no_changes")}</p>}
        />
        <p>
          <small class="faint">{t("agent_changes_more")}</small>
        </p>
      </Card>
    </Page>
  );
}

function Tokens() {
  const tokens = useWhole<Listed<Token>>("agent tokens");
  return (
    <Card title={t("agent_tokens")}>
      <Table
        name="agent-tokens"
        caption={t("agent_tokens")}
        columns={[
          { id: "id", label: t("token"), value: k => k.id },
          { id: "name", label: t("name"), value: k => k.name },
          {
            id: "expires",
            label: t("until"),
            value: k => k.expires,
            cell: k => <When at={k.expires} time />,
          },
          {
            id: "remove",
            label: t("action"),
            value: () => "",
            cell: k => <Remove name={k.id} called={k.name ?? k.id} text={t("agent_token_back")} />,
          },
        ]}
        rows={tokens.data?.items}
        more={tokens.data?.next}
        rowKey={k => k.id}
        empty={<p>{t("agent_no_tokens")}</p>}
      />
    </Card>
  );
}

export function Agents({ query }: { query: Query }) {
  if (query.name) return <One name={query.name} />;
  return <All query={query} />;
}

function All({ query }: { query: Query }) {
  const list = useApi<Agents>("agent list", { ...filled({ cursor: query.cursor }), limit: 100 });
  const data = list.data;
  return (
    <Page title={t("agents")} of={[list]} actions={data?.enabled ? <NewToken /> : null}>
      <Card title={t("agents")}>
        {data && !data.enabled && <p>{t("agents_off")}</p>}
        {data && <p>{t("agents_count", data.agents, data.silent, data.failing)}</p>}
        <Table
          name="agents"
          caption={t("agents")}
          columns={[
            {
              id: "name",
              label: t("name"),
              value: a => a.name,
              cell: a => <a href={link("agents", { name: a.name })}>{a.name}</a>,
            },
            {
              id: "state",
              label: t("state"),
              value: a => a.state,
              cell: a => <Status value={a.state} />,
            },
            {
              id: "reported",
              label: t("agent_reported"),
              value: a => a.reported,
              cell: a => <When at={a.reported} time />,
            },
            { id: "certs", label: t("certificates"), value: a => a.certificates, number: true },
            { id: "failing", label: t("failures"), value: a => a.failing, number: true },
            {
              id: "next",
              label: t("next_renewal"),
              value: a => a.next,
              cell: a => <When at={a.next} time />,
            },
          ]}
          rows={data?.items}
          rowKey={a => a.id}
          all={() => everyRow<Agent>("agent list")}
          empty={<p>{t("no_agents")}</p>}
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.cursor && <a href={link("agents")}>{t("first_page")}</a>}
          {data?.next && <a href={link("agents", { cursor: data.next })}>{t("next_page")}</a>}
        </nav>
        <p class="same">
          <small class="faint">{t("adds")}</small>{" "}
          <Cli command="autarky agent enrol --server URL --token-file FILE" />
        </p>
      </Card>
      {!query.cursor && <Tokens />}
    </Page>
  );
}
