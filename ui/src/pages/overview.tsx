// SPDX-License-Identifier: Apache-2.0
// What needs a person now, with what mends it; then how it stands.
import type { ComponentChildren } from "preact";
import { may, useApi, useWhole } from "../api";
import { t } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page, Tile } from "../parts/page";
import { Bars } from "../parts/plot";
import { type Column, Table } from "../parts/table";
import { Cli, Days, State, Status, When } from "../parts/text";
import { link } from "../router";
import { DAY, daysLeft, localTime } from "../time";
import type {
  Approval,
  Certificate,
  DoctorAnswer,
  Listed,
  Lock,
  NumbersAnswer,
  Site,
  SitesAnswer,
  StatusAnswer,
} from "../types";
import { certificateColumns } from "./certificates";
import { Ages, Expiry, Forecast, Renewals } from "./outlook";

const SOON = 7;
const shownSoonest = new Set(["names", "not_after", "issuer", "profile", "owner", "issued"]);

interface Need {
  id: string;
  kind: "failed" | "warning";
  what: string;
  text: ComponentChildren;
  cure?: ComponentChildren;
}

const isCommand = (cure: string) => /^(autarky|timedatectl|df|systemctl) /.test(cure);

function ofDoctor(doctor: DoctorAnswer | undefined): Need[] {
  const seen = new Set<string>();
  return (doctor?.checks ?? []).flatMap((c, i) => {
    if (c.state === "ok" || seen.has(c.text)) return [];
    seen.add(c.text);
    const cure = c.cure && (isCommand(c.cure) ? <Cli command={c.cure} /> : c.cure);
    return [{ id: `d${i}`, kind: c.state, what: c.name, text: c.text, cure }];
  });
}

function ofApprovals(approvals: Approval[]): Need[] {
  const waiting = approvals.filter(a => a.state === "pending");
  if (!waiting.length) return [];
  return [
    {
      id: "approvals",
      kind: "warning",
      what: t("approvals"),
      text: t("approvals_wait", waiting.length),
      cure: <a href={link("approvals")}>{t("decide")}</a>,
    },
  ];
}

export function ThawAction({ lock }: { lock: Lock }) {
  return (
    <Action
      command="issuance thaw"
      label={t("thaw")}
      title={t("thaw_title")}
      danger
      confirm={lock.value ?? lock.scope}
      text={<p>{lock.reason}</p>}
      fields={[{ name: "why", label: t("reason_why") }]}
      args={v => filled({ id: lock.id, reason: v.why })}
      cli={v => `autarky issuance thaw ${lock.id}${option("reason", v.why)}`}
    />
  );
}

function ofLocks(locks: Lock[]): Need[] {
  return locks.map(l => ({
    id: l.id,
    kind: "warning",
    what: t("issuance"),
    text: t("frozen_text", `${l.scope} ${l.value ?? ""}`.trim(), l.set_by, l.reason),
    cure: <ThawAction lock={l} />,
  }));
}

export function RenewSite({ site }: { site: Site }) {
  return (
    <Action
      command="site renew"
      label={t("renew_now")}
      title={t("renew_title", site.name)}
      text={<p>{t("renew_text")}</p>}
      fields={[{ name: "why", label: t("reason_why") }]}
      args={v => filled({ name: site.name, reason: v.why })}
      cli={v => `autarky site renew ${site.name}${option("reason", v.why)}`}
    />
  );
}

function ofSites(sites: Site[]): Need[] {
  return sites.flatMap(s => {
    const bad = s.certificates.filter(c => c.state !== "valid" && c.reason);
    const first = bad[0];
    if (!first) return [];
    const over = bad.some(c => !c.not_after || daysLeft(c.not_after) < 0);
    return [
      {
        id: s.name,
        kind: over ? ("failed" as const) : ("warning" as const),
        what: s.name,
        text: `${bad.map(c => c.algorithm).join(", ")}: ${first.reason}`,
        cure: <RenewSite site={s} />,
      },
    ];
  });
}

function ofExpiry(numbers: NumbersAnswer | undefined): Need[] {
  const n = (numbers?.days ?? []).slice(0, SOON).reduce((a, b) => a + b, 0);
  if (!n) return [];
  return [
    {
      id: "expiry",
      kind: "warning",
      what: t("certificates"),
      text: t("end_soon", n, SOON),
      cure: (
        <a href={link("certificates", { sort: "expiry", within: String(SOON) })}>
          {t("show_them")}
        </a>
      ),
    },
  ];
}

function Attention({ needs, at }: { needs: Need[]; at: Date | undefined }) {
  const order = { failed: 0, warning: 1 };
  const all = [...needs].sort((a, b) => order[a.kind] - order[b.kind]);
  if (!at) return <p class="faint">{t("loading")}</p>;
  return (
    <Card title={t("attention")}>
      {all.length === 0 ? (
        <p class="clear">
          <State kind="ok">{t("all_clear", localTime(at))}</State>
        </p>
      ) : (
        <ul class="needs">
          {all.map(n => (
            <li key={n.id} class={n.kind}>
              <div>
                <State kind={n.kind}>{n.kind === "failed" ? t("w_failed") : t("w_warning")}</State>{" "}
                <b>{n.what}</b>
              </div>
              <p>{n.text}</p>
              {n.cure && <div class="cure">{n.cure}</div>}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Issued({ numbers }: { numbers: NumbersAnswer | undefined }) {
  if (!numbers) return null;
  const first = numbers.issued.length;
  const week = numbers.issued.slice(-7).reduce((a, b) => a + b, 0);
  const label = (x: number) => {
    const d = new Date(Date.parse(numbers.at) - (first - 1 - x) * DAY);
    return `${d.getMonth() + 1}-${String(d.getDate()).padStart(2, "0")}`;
  };
  return (
    <Card title={t("issued_per_day")}>
      <Bars
        caption={t("issued_caption")}
        x={numbers.issued.map((_, i) => i)}
        y={numbers.issued}
        color={() => "--bar"}
        xLabel={label}
      />
      <dl class="pairs">
        <dt />
        <dt>{t("h24")}</dt>
        <dt>{t("d7")}</dt>
        <dt>{t("issued")}</dt>
        <dd>
          <a href={link("certificates", {})}>{numbers.issued.at(-1)}</a>
        </dd>
        <dd>
          <a href={link("certificates", {})}>{week}</a>
        </dd>
        <dt>{t("proofs_ok")}</dt>
        <dd>{numbers.validated.day}</dd>
        <dd>{numbers.validated.week}</dd>
        <dt>{t("proofs_failed")}</dt>
        <dd class={numbers.failed.day ? "bad" : ""}>{numbers.failed.day}</dd>
        <dd class={numbers.failed.week ? "bad" : ""}>{numbers.failed.week}</dd>
      </dl>
    </Card>
  );
}

const siteSoonest = (s: Site) =>
  s.certificates.flatMap(c => (c.not_after ? [c.not_after] : [])).sort()[0] ?? null;
const siteNext = (s: Site) =>
  s.certificates.flatMap(c => (c.next_at ? [c.next_at] : [])).sort()[0] ?? null;
export const siteState = (s: Site) =>
  s.passes ? "passed on" : (s.certificates.find(c => c.state !== "valid")?.state ?? "valid");

export function siteColumns(): Column<Site>[] {
  return [
    {
      id: "name",
      label: t("name"),
      value: s => s.name,
      cell: s => <a href={link("sites", { name: s.name })}>{s.name}</a>,
    },
    {
      id: "algorithms",
      label: t("keys"),
      value: s => s.certificates.map(c => c.algorithm).join(" "),
    },
    {
      id: "state",
      label: t("state"),
      value: siteState,
      cell: s => <Status value={siteState(s)} />,
    },
    {
      id: "not_after",
      label: t("days_left"),
      value: siteSoonest,
      cell: s => <Days until={siteSoonest(s)} />,
      number: true,
    },
    {
      id: "next_at",
      label: t("next_renewal"),
      value: siteNext,
      cell: s => <When at={siteNext(s)} />,
    },
  ];
}

function FreezeAction() {
  return (
    <Action
      command="issuance freeze"
      label={t("freeze")}
      title={t("freeze_title")}
      danger
      confirm="freeze"
      text={<p>{t("freeze_text")}</p>}
      fields={[
        { name: "zone", label: t("freeze_zone") },
        { name: "renewals", label: t("freeze_renewals"), type: "checkbox" },
        { name: "why", label: t("reason_why"), required: true },
      ]}
      args={v => ({
        ...filled({ zone: v.zone, reason: v.why }),
        ...(v.renewals ? { renewals: true } : {}),
      })}
      cli={v =>
        `autarky issuance freeze${option("zone", v.zone)}${v.renewals ? " --renewals" : ""}${option("reason", v.why || "…")}`
      }
    />
  );
}

export function ReloadAction() {
  return (
    <Action
      command="reload"
      label={t("reload")}
      title={t("reload_title")}
      text={<p>{t("reload_text")}</p>}
      fields={[{ name: "why", label: t("reason_why") }]}
      args={v => filled({ reason: v.why })}
      cli={v => `autarky reload${option("reason", v.why)}`}
      done={a => <p>{String(a.text ?? "")}</p>}
    />
  );
}

export function Overview() {
  const status = useApi<StatusAnswer>("status");
  const doctor = useApi<DoctorAnswer>("doctor");
  const numbers = useApi<NumbersAnswer>("cert numbers");
  const sites = useWhole<SitesAnswer>("site list");
  const approvals = useApi<{ approvals: Approval[] }>("approval list");
  const soonest = useApi<Listed<Certificate>>("cert list", {
    sort: "expiry",
    status: "valid",
    limit: 10,
  });
  const c = status.data?.certificates;
  const siteItems = sites.data?.items ?? [];
  const locks = status.data?.frozen ?? [];
  const checks = (doctor.data?.checks ?? []).filter(k => !(locks.length && k.name === "issuance"));
  const needs = [
    ...ofDoctor(doctor.data && { ...doctor.data, checks }),
    ...ofLocks(locks),
    ...ofApprovals(approvals.data?.approvals ?? []),
    ...ofSites(siteItems),
    ...ofExpiry(numbers.data),
  ];
  const openAlerts = status.data && status.data.alerts.warning + status.data.alerts.critical;
  const waiting = approvals.data?.approvals.filter(a => a.state === "pending").length;
  return (
    <Page
      title={t("overview")}
      of={[status, doctor, numbers, sites, approvals, soonest]}
      actions={
        <>
          <ReloadAction />
          <FreezeAction />
        </>
      }
    >
      <Attention needs={needs} at={doctor.at} />
      <div class="tiles">
        <Tile
          n={c?.valid}
          what={t("valid_certificates")}
          href={link("certificates", { status: "valid" })}
        />
        <Tile
          n={c?.expiring_in_30d}
          what={t("expire_in_30")}
          href={link("certificates", { sort: "expiry", within: "30" })}
        />
        <Tile
          n={c?.revoked}
          what={t("revoked")}
          href={link("certificates", { status: "revoked" })}
        />
        <Tile
          n={openAlerts}
          what={t("open_alerts")}
          href={link("alerts")}
          kind={status.data?.alerts.critical ? "bad" : ""}
        />
        <Tile n={sites.data?.items.length} what={t("sites")} href={link("sites")} />
        {may("approval list") && (
          <Tile n={waiting} what={t("waiting_approvals")} href={link("approvals")} />
        )}
      </div>
      <div class="columns">
        <Expiry numbers={numbers.data} />
        <Renewals numbers={numbers.data} />
        <Forecast numbers={numbers.data} />
        <Issued numbers={numbers.data} />
        <Ages numbers={numbers.data} />
      </div>
      <Card title={t("soonest")}>
        <Table
          name="soonest"
          caption={t("soonest")}
          columns={certificateColumns().filter(c => shownSoonest.has(c.id))}
          rows={soonest.data?.items}
          rowKey={r => r.id}
          empty={<p>{t("no_certificates")}</p>}
        />
      </Card>
      <Card title={t("sites")}>
        <Table
          name="sites"
          caption={t("sites")}
          columns={siteColumns()}
          rows={sites.data && siteItems.slice(0, 10)}
          all={async () => siteItems}
          rowKey={r => r.name}
          empty={
            <>
              <p>{t("no_sites")}</p>
              <Cli command="autarky site add NAME --backend URL" />
            </>
          }
        />
        {siteItems.length > 10 && (
          <p>
            <a href={link("sites")}>{t("all_of", siteItems.length)}</a>
          </p>
        )}
      </Card>
      <Card title={t("health")}>
        <details>
          <summary>{t("checks_passed", checks.filter(k => k.state === "ok").length)}</summary>
          <Table
            name="checks"
            caption={t("health")}
            columns={[
              { id: "name", label: t("name"), value: k => k.name },
              {
                id: "state",
                label: t("state"),
                value: k => k.state,
                cell: k => <Status value={k.state} />,
              },
              { id: "text", label: t("finding"), value: k => k.text },
            ]}
            rows={doctor.data && checks}
            rowKey={k => k.name + k.text + checks.indexOf(k)}
            empty=""
          />
        </details>
        <Cli command="autarky doctor" />
      </Card>
    </Page>
  );
}
