// SPDX-License-Identifier: Apache-2.0
// The overview's numbers: what ends when, how old it is, what is renewed and what fails, what is to come.
import { Fragment } from "preact";

import { may } from "../api";
import { t } from "../i18n";
import { Card } from "../parts/page";
import { Bars } from "../parts/plot";
import { type Column, Table } from "../parts/table";
import { go, link } from "../router";
import { DAY } from "../time";
import type { NumbersAnswer, Spans } from "../types";

const SOON = 7;
const ENDS = [0, 7, 14, 30, 60, 90];

interface Range {
  from: number;
  before: number | null; // null: no end
  n: number;
}

const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);

// The answer has each day of the first 90, and the rest.
export function endings(numbers: NumbersAnswer): Range[] {
  return ENDS.map((from, i) => {
    const before = ENDS[i + 1] ?? null;
    const n = before === null ? numbers.later : sum(numbers.days.slice(from, before));
    return { from, before, n };
  });
}

const rangeText = (r: Range | undefined) =>
  r ? (r.before === null ? t("days_over", r.from) : t("days_range", r.from, r.before)) : "";

const endingsLink = (r: Range) =>
  link("certificates", {
    sort: "expiry",
    status: "valid",
    from: String(r.from),
    within: r.before === null ? "" : String(r.before),
  });

function endColor(r: Range | undefined): string {
  if ((r?.from ?? 0) < SOON) return "--bad";
  return (r?.from ?? 0) < 30 ? "--amber" : "--bar";
}

function rangeColumns(to?: (r: Range) => string): Column<Range>[] {
  return [
    { id: "from", label: t("days"), value: r => r.from, cell: rangeText },
    { id: "before", label: t("less_than"), value: r => r.before, number: true },
    {
      id: "n",
      label: t("certificates"),
      value: r => r.n,
      cell: r => (to ? <a href={to(r)}>{r.n}</a> : r.n),
      number: true,
    },
  ];
}

interface RangesOf {
  name: string;
  title: string;
  caption: string;
  rows: Range[];
  color: (r: Range | undefined) => string;
  to?: (r: Range) => string;
}

// Bars with the table that they stand for.
function Ranges({ name, title, caption, rows, color, to }: RangesOf) {
  const pick = (x: number) => {
    const r = rows[x];
    if (r && to) go(to(r));
  };
  return (
    <Card title={title}>
      <Bars
        caption={caption}
        x={rows.map((_, i) => i)}
        y={rows.map(r => r.n)}
        color={x => color(rows[x])}
        xLabel={x => rangeText(rows[x])}
        {...(to ? { onPick: pick } : {})}
        tabled
      />
      <Table
        name={name}
        caption={caption}
        columns={rangeColumns(to)}
        rows={rows}
        rowKey={r => String(r.from)}
        empty=""
      />
    </Card>
  );
}

export function Expiry({ numbers }: { numbers: NumbersAnswer | undefined }) {
  if (!numbers) return null;
  return (
    <Ranges
      name="expiry"
      title={t("days_to_expiry")}
      caption={t("days_to_expiry_caption")}
      rows={endings(numbers)}
      color={endColor}
      to={endingsLink}
    />
  );
}

export function Ages({ numbers }: { numbers: NumbersAnswer | undefined }) {
  if (!numbers) return null;
  return (
    <Ranges
      name="ages"
      title={t("ages")}
      caption={t("ages_caption")}
      rows={numbers.ages}
      color={() => "--bar"}
    />
  );
}

export function Forecast({ numbers }: { numbers: NumbersAnswer | undefined }) {
  if (!numbers) return null;
  const label = (x: number) =>
    new Date(Date.parse(numbers.at) + x * DAY).toISOString().slice(5, 10);
  return (
    <Card title={t("forecast")}>
      <Bars
        caption={t("forecast_caption")}
        x={numbers.forecast.map((_, i) => i)}
        y={numbers.forecast}
        color={() => "--bar"}
        xLabel={label}
      />
      <p class="faint">{t("forecast_sum", sum(numbers.forecast))}</p>
    </Card>
  );
}

const percent = (part: number, of: number) => (of ? `${Math.round((100 * part) / of)} %` : "–");

function span(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

function Took({ what, spans, href }: { what: string; spans: Spans | null; href?: string }) {
  const cell = (ms: number | undefined) => {
    const text = ms === undefined ? "–" : span(ms);
    return href && ms !== undefined ? <a href={href}>{text}</a> : text;
  };
  return (
    <>
      <dt>{what}</dt>
      <dd>{cell(spans?.median)}</dd>
      <dd>{cell(spans?.p95)}</dd>
    </>
  );
}

interface Failure {
  reason: string;
  day: number;
  week: number;
}

// Who may not read the audit log has the numbers alone.
const failuresLink = () =>
  may("audit list") ? link("audit", { action: "order.failed" }) : undefined;

function Linked({ n, href }: { n: number; href: string | undefined }) {
  return href ? <a href={href}>{n}</a> : <span>{n}</span>;
}

export function Renewals({ numbers }: { numbers: NumbersAnswer | undefined }) {
  if (!numbers) return null;
  const { renewals: r, failures, limit } = numbers;
  const all = link("certificates", {});
  const day = sum(failures.map(f => f.day));
  return (
    <Card title={t("renewals")}>
      <dl class="pairs">
        <dt />
        <dt>{t("h24")}</dt>
        <dt>{t("d7")}</dt>
        <dt>{t("renewed")}</dt>
        <dd>
          <a href={all}>{r.day}</a>
        </dd>
        <dd>
          <a href={all}>{r.week}</a>
        </dd>
        <dt>{t("orders_failed")}</dt>
        <dd class={day ? "bad" : ""}>
          <Linked n={day} href={failuresLink()} />
        </dd>
        <dd>
          <Linked n={sum(failures.map(f => f.week))} href={failuresLink()} />
        </dd>
      </dl>
      <dl class="pairs">
        <dt>{t("off_schedule", r.looked)}</dt>
        <dd />
        <dd>{percent(r.late, r.looked)}</dd>
        <dt>{t("agents_failing")}</dt>
        <dd />
        <dd class={numbers.agents_failing ? "bad" : ""}>
          <a href={link("agents")}>{numbers.agents_failing}</a>
        </dd>
        <dt>{t("limit_taken")}</dt>
        <dd />
        <dd>
          {limit
            ? t("limit_of", limit.taken, limit.count, span(limit.per * 1000))
            : t("limit_none")}
        </dd>
        {numbers.rule_limits.map(l => (
          <Fragment key={l.rule}>
            <dt>
              <a href={link("policy")}>{t("limit_rule", l.rule)}</a>
            </dt>
            <dd />
            <dd class={l.taken >= l.count ? "bad" : ""}>
              {t("limit_of", l.taken, l.count, span(l.per * 1000))}
            </dd>
          </Fragment>
        ))}
      </dl>
      <dl class="pairs">
        <dt />
        <dt>{t("median")}</dt>
        <dt>{t("p95")}</dt>
        <Took what={t("to_issue")} spans={numbers.issue_ms} />
        <Took what={t("to_proof")} spans={numbers.proof_ms} href={link("agents")} />
      </dl>
      {failures.length > 0 && <Failures rows={failures} />}
    </Card>
  );
}

function Failures({ rows }: { rows: Failure[] }) {
  return (
    <Table
      name="failures"
      caption={t("why_failed")}
      columns={[
        { id: "reason", label: t("why_failed"), value: f => f.reason },
        {
          id: "day",
          label: t("h24"),
          value: f => f.day,
          cell: f => <Linked n={f.day} href={failuresLink()} />,
          number: true,
        },
        {
          id: "week",
          label: t("d7"),
          value: f => f.week,
          cell: f => <Linked n={f.week} href={failuresLink()} />,
          number: true,
        },
      ]}
      rows={rows}
      rowKey={f => f.reason}
      empty=""
    />
  );
}
