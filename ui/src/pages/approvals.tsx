// SPDX-License-Identifier: Apache-2.0
// What persons have to allow, and what they decided.
import { useApi, useWhole } from "../api";
import { t } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { type Column, Table } from "../parts/table";
import { Facts, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type { Approval, ApprovalShown } from "../types";

function columns(): Column<Approval>[] {
  return [
    {
      id: "what",
      label: t("what"),
      value: a => a.what,
      cell: a => <a href={link("approvals", { id: a.id })}>{a.what}</a>,
    },
    { id: "action", label: t("action"), value: a => a.action },
    { id: "state", label: t("state"), value: a => a.state, cell: a => <Status value={a.state} /> },
    { id: "asked_by", label: t("asked_by"), value: a => a.asked_by ?? t("acme_client") },
    { id: "asked", label: t("asked"), value: a => a.asked, cell: a => <When at={a.asked} time /> },
    {
      id: "expires",
      label: t("until"),
      value: a => a.expires,
      cell: a => <When at={a.expires} time />,
    },
    {
      id: "granted",
      label: t("granted_of"),
      value: a => `${a.granted}/${a.approvers}`,
      number: true,
    },
    { id: "decided_by", label: t("decided_by"), value: a => a.decided_by },
  ];
}

function Decide({ of }: { of: ApprovalShown }) {
  return (
    <>
      <Action
        command="approval grant"
        label={t("grant")}
        title={t("grant_title")}
        text={<p>{of.what}</p>}
        fields={[
          ...(of.names
            ? [
                { name: "for", label: t("grant_for") },
                { name: "renewals", label: t("grant_renewals"), type: "checkbox" as const },
              ]
            : []),
          { name: "why", label: t("reason_why") },
        ]}
        args={v => ({
          ...filled({ id: of.id, for: v.for, reason: v.why }),
          ...(v.renewals ? { renewals: true } : {}),
        })}
        cli={v =>
          `autarky approval grant ${of.id}${option("for", v.for)}${v.renewals ? " --renewals" : ""}${option("reason", v.why)}`
        }
      />
      <Action
        command="approval deny"
        label={t("deny")}
        title={t("deny_title")}
        danger
        text={<p>{of.what}</p>}
        fields={[{ name: "why", label: t("deny_why"), required: true }]}
        args={v => filled({ id: of.id, reason: v.why })}
        cli={v => `autarky approval deny ${of.id}${option("reason", v.why || "…")}`}
      />
    </>
  );
}

function One({ id }: { id: string }) {
  const shown = useApi<ApprovalShown>("approval show", { id });
  const a = shown.data;
  return (
    <Page
      title={t("approval")}
      of={[shown]}
      actions={a?.state === "pending" ? <Decide of={a} /> : null}
    >
      <p>
        <a href={link("approvals")}>← {t("approvals")}</a>
      </p>
      {a && (
        <Card title={a.what}>
          <Facts
            of={[
              [t("state"), <Status key="s" value={a.state} />],
              [t("action"), a.action],
              [t("asked_by"), a.asked_by ?? t("acme_client")],
              [t("asked"), <When key="w" at={a.asked} time />],
              [t("until"), <When key="u" at={a.expires} time />],
              [t("granted_of"), `${a.granted}/${a.approvers}`],
              [t("reason_why"), a.reason],
              [t("names"), a.names?.map(n => n.unicode || n.name).join(", ")],
              [t("profile"), a.profile],
              [t("key"), a.key],
              [
                t("account"),
                a.account && <a href={link("acme", { account: a.account })}>{a.account}</a>,
              ],
              [t("requester"), a.client],
              [t("rules"), a.rules],
            ]}
          />
        </Card>
      )}
      {a?.changes && (
        <Card title={t("changes")}>
          <Table
            name="changes"
            caption={t("changes")}
            columns={[
              { id: "key", label: t("name"), value: c => c.key },
              { id: "was", label: t("was"), value: c => text(c.was) },
              { id: "now", label: t("now"), value: c => text(c.now) },
            ]}
            rows={a.changes}
            rowKey={c => c.key}
            empty=""
          />
        </Card>
      )}
      {a && (
        <Card title={t("votes")}>
          <Table
            name="votes"
            caption={t("votes")}
            columns={[
              { id: "by", label: t("decided_by"), value: v => v.by },
              { id: "at", label: t("at"), value: v => v.at, cell: v => <When at={v.at} time /> },
              {
                id: "grant",
                label: t("state"),
                value: v => (v.grant ? "granted" : "denied"),
                cell: v => <Status value={v.grant ? "granted" : "denied"} />,
              },
              { id: "reason", label: t("reason_why"), value: v => v.reason },
            ]}
            rows={a.votes}
            rowKey={v => v.by + v.at}
            empty={<p>{t("no_votes")}</p>}
          />
        </Card>
      )}
      {a?.evidence ? (
        <Card title={t("evidence")}>
          <pre>{JSON.stringify(a.evidence, null, 2)}</pre>
        </Card>
      ) : null}
    </Page>
  );
}

const text = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v));

export function Approvals({ query }: { query: Query }) {
  const list = useWhole<{ approvals: Approval[]; next?: string | null }>(
    query.id ? "" : "approval list",
  );
  if (query.id) return <One id={query.id} />;
  const all = list.data?.approvals;
  return (
    <Page title={t("approvals")} of={[list]}>
      <Card title={t("waiting_approvals")}>
        <Table
          name="approvals-waiting"
          caption={t("waiting_approvals")}
          columns={columns()}
          rows={all?.filter(a => a.state === "pending")}
          rowKey={a => a.id}
          empty={<p>{t("nothing_waits")}</p>}
        />
      </Card>
      <Card title={t("decided")}>
        <Table
          name="approvals"
          caption={t("decided")}
          columns={columns()}
          rows={all?.filter(a => a.state !== "pending")}
          more={list.data?.next}
          rowKey={a => a.id}
          empty={<p>{t("nothing_decided")}</p>}
        />
      </Card>
    </Page>
  );
}
