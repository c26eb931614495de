// SPDX-License-Identifier: Apache-2.0
// Reports of months: what was written, its numbers and files; by mail to whom it concerns.
import { useApi, useWhole } from "../api";
import { type Key, t } from "../i18n";
import { Action, filled, option, reason } from "../parts/action";
import { Card, Page } from "../parts/page";
import { type Column, Table } from "../parts/table";
import { Cli, State } from "../parts/text";
import type { Listed, Receiver } from "../types";

interface Report {
  month: string;
  before?: string;
  numbers?: Record<string, number>;
  files?: { name: string; bytes: number }[];
  error?: string;
}

// Of the numbers, those that one compares from month to month; the report has all.
const shown: [string, Key][] = [
  ["active", "report_active"],
  ["issued", "report_issued"],
  ["renewed", "report_renewed"],
  ["near_misses", "report_near"],
  ["lapsed", "report_lapsed"],
  ["failures", "report_failures"],
  ["revoked", "report_revoked"],
  ["foreign", "report_foreign"],
];

const fileAt = (month: string, name: string) => `/api/v1/reports/${month}/${name}`;

function size(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function Files({ of }: { of: Report }) {
  const files = of.files ?? [];
  const page = files.find(f => f.name === "report.html");
  return (
    <>
      {page && (
        <a href={fileAt(of.month, page.name)} target="_blank" rel="noopener">
          {t("report_read")}
        </a>
      )}
      <details>
        <summary>{t("report_files", files.length)}</summary>
        <ul class="plain">
          {[...files]
            .sort((a, b) => a.name.localeCompare(b.name))
            .map(f => (
              <li key={f.name}>
                <a href={fileAt(of.month, f.name)} download={`${of.month}-${f.name}`}>
                  {f.name}
                </a>{" "}
                <small class="faint">{size(f.bytes)}</small>
              </li>
            ))}
        </ul>
      </details>
    </>
  );
}

function Mail({ month, to }: { month: string; to: Receiver[] }) {
  return (
    <Action
      command="report mail"
      label={t("report_mail")}
      title={t("report_mail_title", month)}
      text={<p>{t("report_mail_text")}</p>}
      fields={[
        {
          name: "receiver",
          label: t("receiver"),
          options: to.map(r => [r.name, r.name] as [string, string]),
        },
        reason(),
      ]}
      args={v => filled({ receiver: v.receiver, month, reason: v.why })}
      cli={v => `autarky report --month ${month}${option("mail", v.receiver)}`}
      done={a => <p>{t("report_mailed", String(a.recipients))}</p>}
    />
  );
}

function columns(to: Receiver[]): Column<Report>[] {
  return [
    {
      id: "month",
      label: t("month"),
      value: r => r.month,
      cell: r => (
        <>
          <b>{r.month}</b> {r.error && <State kind="failed">{r.error}</State>}
        </>
      ),
    },
    {
      id: "files",
      label: t("report"),
      value: r => r.files?.length,
      cell: r => <Files of={r} />,
    },
    {
      id: "mail",
      label: t("action"),
      value: () => "",
      cell: r => (to.length && r.numbers ? <Mail month={r.month} to={to} /> : null),
    },
    ...shown.map(([id, label]) => ({
      id,
      label: t(label),
      value: (r: Report) => r.numbers?.[id],
      number: true,
    })),
  ];
}

export function Reports() {
  const list = useWhole<Listed<Report>>("report list");
  const config = useApi<{ receivers?: Receiver[] }>("config show");
  const to = (config.data?.receivers ?? []).filter(r => r.kind === "mail");
  return (
    <Page title={t("reports")} of={[list, config]}>
      <Card title={t("reports")}>
        <p>{t("reports_text")}</p>
        <Table
          name="reports"
          caption={t("reports")}
          columns={columns(to)}
          rows={list.data?.items}
          rowKey={r => r.month}
          empty={
            <>
              <p>{t("no_reports")}</p>
              <Cli command="autarky report" />
            </>
          }
        />
        <p class="same">
          <small class="faint">{t("report_span")}</small>{" "}
          <Cli command="autarky report --from 2026-11-01T00:00:00Z --to now --out DIR" />
        </p>
        <p class="same">
          <small class="faint">{t("report_timer")}</small>{" "}
          <Cli command={`autarky report --mail ${to[0]?.name ?? "RECEIVER"}`} />
        </p>
      </Card>
    </Page>
  );
}
