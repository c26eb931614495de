// SPDX-License-Identifier: Apache-2.0
// What is wrong or soon will be, who sees to it, who is told, and what has not reached them.
import { everyRow, may, useApi, useWhole } from "../api";
import { t } from "../i18n";
import { Action, filled, option, reason } from "../parts/action";
import { Card, Page } from "../parts/page";
import { type Column, Table } from "../parts/table";
import { Cli, Days, Facts, State, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type {
  Alert,
  AlertShown,
  AlertsAnswer,
  Delivery,
  Listed,
  Receiver,
  Route,
  Silence,
} from "../types";

// As docs/internals/alerts.md has them.
const kinds = [
  "certificate",
  "renewal",
  "proof",
  "issuer",
  "root",
  "crl",
  "clock",
  "database",
  "disk",
  "audit",
  "copy",
  "lock",
  "approval",
  "process",
  "prober",
  "agent",
  "site",
  "backup",
  "delivery",
];

const plainCommand = (action: string) => /^autarky /.test(action);

function Mend({ action }: { action: string | undefined }) {
  if (!action) return null;
  return plainCommand(action) ? <Cli command={action} /> : action;
}

function Acknowledge({ of }: { of: Alert }) {
  return (
    <Action
      command="alert ack"
      label={t("acknowledge")}
      title={t("acknowledge_title")}
      text={
        <>
          <p>{of.summary}</p>
          <p>{t("acknowledge_text")}</p>
        </>
      }
      fields={[reason()]}
      args={v => filled({ id: of.id, reason: v.why })}
      cli={v => `autarky alert ack ${of.id}${option("reason", v.why)}`}
    />
  );
}

function SilenceAction({ of }: { of?: Alert }) {
  return (
    <Action
      command="alert silence"
      label={t("silence")}
      title={t("silence_title")}
      text={<p>{t("silence_text")}</p>}
      fields={[
        {
          name: "kind",
          label: t("kind"),
          value: of?.kind ?? "",
          options: [["", t("any")], ...kinds.map(k => [k, k] as [string, string])],
        },
        {
          name: "object",
          label: t("object"),
          value: of?.object ?? "",
          hint: t("silence_object_hint"),
        },
        { name: "owner", label: t("owner") },
        { name: "until", label: t("silence_until"), value: "4h", required: true },
        reason(),
      ]}
      args={v =>
        filled({ kind: v.kind, object: v.object, owner: v.owner, until: v.until, reason: v.why })
      }
      cli={v =>
        `autarky alert silence${option("kind", v.kind)}${option("object", v.object)}${option("owner", v.owner)}${option("until", v.until || "4h")}${option("reason", v.why)}`
      }
    />
  );
}

function columns(over: boolean): Column<Alert>[] {
  const all: Column<Alert>[] = [
    {
      id: "severity",
      label: t("severity"),
      value: a => a.severity,
      cell: a => <Status value={a.severity} />,
    },
    {
      id: "summary",
      label: t("alert"),
      value: a => a.summary,
      cell: a => <a href={link("alerts", { id: a.id })}>{a.summary}</a>,
    },
    {
      id: "kind",
      label: t("kind"),
      value: a => a.kind,
      cell: a => <a href={link("alerts", { kind: a.kind })}>{a.kind}</a>,
    },
    { id: "owner", label: t("owner"), value: a => a.owner },
    {
      id: "started",
      label: t("since"),
      value: a => a.started,
      cell: a => <When at={a.started} time />,
    },
  ];
  const open: Column<Alert>[] = [
    {
      id: "ends",
      label: t("days_left"),
      value: a => a.ends,
      cell: a => <Days until={a.ends} />,
      number: true,
    },
    {
      id: "acked",
      label: t("acknowledged_by"),
      value: a => a.acked?.by,
      cell: a => a.acked?.by ?? <Acknowledge of={a} />,
    },
  ];
  const ended: Column<Alert> = {
    id: "resolved",
    label: t("over_since"),
    value: a => a.resolved,
    cell: a => <When at={a.resolved} time />,
  };
  return over ? [...all, ended] : [...all, ...open];
}

type Brought = Partial<Pick<Delivery, "delivered" | "given_up" | "error">>;

function deliveryState(d: Brought) {
  if (d.delivered) return <State kind="ok">{t("delivered")}</State>;
  if (d.given_up) return <State kind="failed">{t("given_up")}</State>;
  return <State kind={d.error ? "warning" : "quiet"}>{t("w_waiting")}</State>;
}

const stateText = (d: Brought) => (d.delivered ? "delivered" : d.given_up ? "given up" : "waiting");

function One({ id }: { id: string }) {
  const shown = useApi<AlertShown>("alert show", { id });
  const a = shown.data;
  const open = a && !a.resolved;
  return (
    <Page
      title={t("alert")}
      of={[shown]}
      actions={
        open ? (
          <>
            {!a.acked && <Acknowledge of={a} />}
            <SilenceAction of={a} />
          </>
        ) : null
      }
    >
      <p>
        <a href={link("alerts")}>← {t("alerts")}</a>
      </p>
      {a && (
        <Card title={a.summary}>
          <Facts
            of={[
              [t("severity"), <Status key="s" value={a.severity} />],
              [t("kind"), a.kind],
              [t("object"), <ObjectOf key="o" of={a} />],
              [t("owner"), a.owner],
              [t("team"), a.team],
              [t("since"), <When key="w" at={a.started} time />],
              [t("over_since"), <When key="r" at={a.resolved} time />],
              [t("until"), <When key="e" at={a.ends} time />],
              [
                t("acknowledged_by"),
                a.acked && (
                  <>
                    {a.acked.by} <When at={a.acked.at} time /> {a.acked.reason}
                  </>
                ),
              ],
              [t("mends"), a.action ? <Mend key="m" action={a.action} /> : ""],
            ]}
          />
        </Card>
      )}
      <Card title={t("told")}>
        <Table
          name="told"
          caption={t("told")}
          columns={[
            { id: "receiver", label: t("receiver"), value: x => x.receiver },
            { id: "at", label: t("at"), value: x => x.at, cell: x => <When at={x.at} time /> },
            {
              id: "of",
              label: t("what"),
              value: x => (x.over ? t("of_its_end") : t("of_it")),
            },
            { id: "state", label: t("state"), value: stateText, cell: deliveryState },
            { id: "attempts", label: t("attempts"), value: x => x.attempts, number: true },
            { id: "error", label: t("reason"), value: x => x.error },
          ]}
          rows={a?.told}
          rowKey={x => `${x.receiver} ${x.at} ${x.left} ${x.over}`}
          empty={<p>{t("nobody_told")}</p>}
        />
      </Card>
    </Page>
  );
}

// Where what it is about is shown.
function ObjectOf({ of }: { of: Alert }) {
  if (!of.object) return null;
  if (of.kind === "certificate")
    return <a href={link("certificates", { q: of.object })}>{of.object}</a>;
  if (of.kind === "issuer" || of.kind === "root")
    return <a href={link("ca", { issuer: of.object })}>{of.object}</a>;
  if (of.kind === "approval") return <a href={link("approvals")}>{of.object}</a>;
  if (of.kind === "agent") return <a href={link("agents")}>{of.object}</a>;
  if (of.kind === "site") return <a href={link("sites")}>{of.object}</a>;
  return <>{of.object}</>;
}

function Silences({ of }: { of: Silence[] | undefined }) {
  return (
    <Card title={t("silences")} actions={<SilenceAction />}>
      <Table
        name="silences"
        caption={t("silences")}
        columns={[
          { id: "kind", label: t("kind"), value: s => s.kind ?? t("any") },
          { id: "object", label: t("object"), value: s => s.object ?? t("any") },
          { id: "owner", label: t("owner"), value: s => s.owner ?? t("any") },
          {
            id: "until",
            label: t("until"),
            value: s => s.until,
            cell: s => <When at={s.until} time />,
          },
          { id: "set_by", label: t("by"), value: s => s.set_by },
          { id: "reason", label: t("reason_why"), value: s => s.reason },
          {
            id: "end",
            label: t("action"),
            value: () => "",
            cell: s => (
              <Action
                command="alert unsilence"
                label={t("unsilence")}
                title={t("unsilence_title")}
                text={<p>{t("unsilence_text")}</p>}
                fields={[reason()]}
                args={v => filled({ id: s.id, reason: v.why })}
                cli={v => `autarky alert unsilence ${s.id}${option("reason", v.why)}`}
              />
            ),
          },
        ]}
        rows={of}
        rowKey={s => s.id}
        empty={<p>{t("no_silences")}</p>}
      />
    </Card>
  );
}

const span = (text: string | null | undefined) => (text && text !== "0s" ? text : "");

function routeText(r: Route): string {
  return [
    r.at?.length ? r.at.join(", ") : t("at_once"),
    r.kinds?.length ? r.kinds.join(", ") : "",
    span(r.after) && t("route_after", span(r.after)),
    span(r.repeat) && t("route_repeat", span(r.repeat)),
    r.quiet && t("route_quiet", r.quiet),
  ]
    .filter(Boolean)
    .join(" · ");
}

function Receivers({ of, routes }: { of: Receiver[]; routes: Route[] }) {
  return (
    <Card title={t("receivers")}>
      <Table
        name="receivers"
        caption={t("receivers")}
        columns={[
          { id: "name", label: t("receiver"), value: r => r.name },
          { id: "kind", label: t("kind"), value: r => r.kind },
          {
            id: "to",
            label: t("told_where"),
            value: r => (r.to?.length ? r.to.join(" ") : r.url || r.server),
          },
          {
            id: "routes",
            label: t("told_when"),
            value: r =>
              routes
                .filter(x => x.to.includes(r.name))
                .map(routeText)
                .join("; "),
            cell: r => {
              const own = routes.filter(x => x.to.includes(r.name));
              return own.length ? (
                own.map(x => <div key={JSON.stringify(x)}>{routeText(x)}</div>)
              ) : (
                <State kind="warning">{t("told_never")}</State>
              );
            },
          },
          {
            id: "test",
            label: t("action"),
            value: () => "",
            cell: r => (
              <Action
                command="alert test"
                label={t("test")}
                title={t("test_title", r.name)}
                text={<p>{t("test_text")}</p>}
                fields={[reason()]}
                args={v => filled({ receiver: r.name, reason: v.why })}
                cli={v => `autarky alert test ${r.name}${option("reason", v.why)}`}
                done={a => <p>{String(a.answer || t("delivered"))}</p>}
              />
            ),
          },
        ]}
        rows={of}
        rowKey={r => r.name}
        empty={<p>{t("no_receivers")}</p>}
      />
    </Card>
  );
}

function Deliveries({ query }: { query: Query }) {
  const list = useApi<Listed<Delivery>>("alert deliveries", {
    ...filled({ cursor: query.sent }),
    limit: 100,
  });
  return (
    <Card title={t("deliveries")}>
      <Table
        name="deliveries"
        caption={t("deliveries")}
        columns={[
          { id: "state", label: t("state"), value: stateText, cell: deliveryState },
          { id: "receiver", label: t("receiver"), value: d => d.receiver },
          { id: "subject", label: t("what"), value: d => d.subject },
          {
            id: "created",
            label: t("at"),
            value: d => d.created,
            cell: d => <When at={d.created} time />,
          },
          { id: "attempts", label: t("attempts"), value: d => d.attempts, number: true },
          { id: "error", label: t("reason"), value: d => d.error },
        ]}
        rows={list.data?.items}
        rowKey={d => d.id}
        all={() => everyRow<Delivery>("alert deliveries")}
        empty={<p>{t("no_deliveries")}</p>}
      />
      <nav class="pager" aria-label={`${t("deliveries")}: ${t("more_pages")}`}>
        {query.sent && <a href={link("alerts", { ...query, sent: "" })}>{t("first_page")}</a>}
        {list.data?.next && (
          <a href={link("alerts", { ...query, sent: list.data.next })}>{t("next_page")}</a>
        )}
      </nav>
      <p class="same">
        <Cli command="autarky alert deliveries" />
      </p>
    </Card>
  );
}

export function Alerts({ query }: { query: Query }) {
  return query.id ? <One id={query.id} /> : <All query={query} />;
}

function All({ query }: { query: Query }) {
  const over = query.over === "yes";
  const args = {
    ...filled({ kind: query.kind, owner: query.owner }),
    ...(over ? { over: true } : {}),
  };
  const list = useApi<AlertsAnswer>("alert list", {
    ...args,
    ...filled({ cursor: query.cursor }),
    limit: 100,
  });
  const silences = useWhole<Listed<Silence>>("alert silences");
  const config = useApi<{ receivers?: Receiver[]; alerts?: Route[] }>("config show");
  const data = list.data;
  const at = (more: Query) => link("alerts", { ...query, cursor: "", ...more });
  return (
    <Page title={t("alerts")} of={may("config show") ? [list, config] : [list]}>
      <ul class="chips" aria-label={t("filters")}>
        {(["", "yes"] as const).map(o => (
          <li key={o}>
            <a
              href={at({ over: o })}
              {...((query.over ?? "") === o ? { "aria-current": "true" as const } : {})}
            >
              {o ? t("alerts_over") : t("alerts_open")}
            </a>
          </li>
        ))}
        {query.kind && (
          <li>
            <a href={at({ kind: "" })} aria-current="true">
              {query.kind} ✕
            </a>
          </li>
        )}
      </ul>
      <Card title={over ? t("alerts_over") : t("alerts_open")}>
        <Table
          name="alerts"
          caption={t("alerts")}
          columns={columns(over)}
          rows={data?.items}
          rowKey={a => a.id}
          all={() => everyRow<Alert>("alert list", args)}
          empty={<p>{over ? t("none_over") : t("no_alerts")}</p>}
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.cursor && <a href={at({})}>{t("first_page")}</a>}
          {data?.next && <a href={at({ cursor: data.next })}>{t("next_page")}</a>}
        </nav>
        <p class="same">
          <Cli
            command={`autarky alert list${option("kind", query.kind)}${over ? " --over" : ""}`}
          />
        </p>
      </Card>
      <Silences of={silences.data?.items} />
      {config.data && (
        <Receivers of={config.data.receivers ?? []} routes={config.data.alerts ?? []} />
      )}
      <Deliveries query={query} />
    </Page>
  );
}
