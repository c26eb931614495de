// SPDX-License-Identifier: Apache-2.0
// Roots and issuers, who signed whom, and how fresh the revocation lists are.
import { useApi, useWhole } from "../api";
import { t } from "../i18n";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, Days, Facts, State, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type { Lock, StatusAnswer } from "../types";
import { ThawAction } from "./overview";

export interface Issuer {
  ref: string;
  id: string;
  hierarchy: string;
  algorithm: string;
  subject: string;
  root: boolean;
  parent: string | null;
  state: string;
  not_before: string;
  not_after: string;
  activates: string;
  retires: string | null;
  key: boolean;
  constrained: boolean;
  crl_shards: number;
  due: string | null;
  sha256: string;
  crl?: { number: number; this_update: string; next_update: string; entries: number } | null;
}

interface Cross {
  name: string;
  subject: string;
  signer: string;
  not_after: string;
  revoked: { at: string } | null;
}

export interface IssuersAnswer {
  issuers: Issuer[];
  cross_certificates: Cross[];
}

function Branch({ of, all }: { of: Issuer; all: Issuer[] }) {
  const below = all.filter(i => i.parent === of.ref);
  return (
    <li>
      <a href={link("ca", { issuer: of.ref })}>{of.ref}</a> <Status value={of.state} />{" "}
      {of.due && <State kind="warning">{t("due")}</State>}{" "}
      <small class="faint">
        {of.subject} · {t("until")} <When at={of.not_after} />
      </small>
      {below.length > 0 && (
        <ul>
          {below.map(i => (
            <Branch key={i.id} of={i} all={all} />
          ))}
        </ul>
      )}
    </li>
  );
}

function Lists({ status }: { status: StatusAnswer | undefined }) {
  const r = status?.revocation;
  if (!r) return null;
  return (
    <Card title={t("revocation_lists")}>
      <Facts
        of={[
          [
            t("state"),
            r.overdue ? (
              <State kind="failed">{t("lists_overdue", r.overdue)}</State>
            ) : r.behind ? (
              <State kind="warning">{t("lists_behind", r.behind)}</State>
            ) : (
              <State kind="ok">{t("fresh")}</State>
            ),
          ],
          [t("lists_published"), `${r.lists}/${r.shards}`],
          [t("revoked_in_lists"), r.entries],
          [t("oldest_list"), <When key="o" at={r.oldest} time />],
          [t("first_ends"), <When key="n" at={r.next_update} time />],
          [t("ocsp_answers"), r.answers],
        ]}
      />
    </Card>
  );
}

interface Locks {
  frozen: boolean;
  locks: Lock[];
  lifted: Lock[];
  next?: string | null;
}

function LocksCard() {
  const locks = useWhole<Locks>("issuance status");
  const rows = locks.data && [...locks.data.locks, ...locks.data.lifted];
  return (
    <Card title={t("locks")}>
      <Table
        name="locks"
        caption={t("locks")}
        columns={[
          { id: "scope", label: t("what"), value: l => `${l.scope} ${l.value ?? ""}`.trim() },
          {
            id: "state",
            label: t("state"),
            value: l => (l.lifted ? "lifted" : "frozen"),
            cell: l => (
              <State kind={l.lifted ? "quiet" : "warning"}>
                {l.lifted ? t("lifted") : t("frozen")}
              </State>
            ),
          },
          { id: "set", label: t("since"), value: l => l.set, cell: l => <When at={l.set} time /> },
          { id: "set_by", label: t("by"), value: l => l.set_by },
          { id: "reason", label: t("reason_why"), value: l => l.reason },
          {
            id: "thaw",
            label: t("action"),
            value: () => "",
            cell: l => (l.lifted ? <When at={l.lifted} time /> : <ThawAction lock={l} />),
          },
        ]}
        rows={rows}
        more={locks.data?.next}
        rowKey={l => l.id}
        empty={<p>{t("nothing_frozen")}</p>}
      />
    </Card>
  );
}

function One({ of, cross }: { of: Issuer; cross: Cross[] }) {
  return (
    <>
      <p>
        <a href={link("ca")}>← {t("ca")}</a>
      </p>
      <Card title={of.subject}>
        <Facts
          of={[
            [t("state"), <Status key="s" value={of.state} />],
            [t("hierarchy"), of.hierarchy],
            [t("key"), of.algorithm],
            [
              t("signed_by"),
              of.parent && <a href={link("ca", { issuer: of.parent })}>{of.parent}</a>,
            ],
            [t("days_left"), <Days key="d" until={of.not_after} soon={90} />],
            [t("valid_until"), <When key="v" at={of.not_after} time />],
            [t("signs_from"), <When key="a" at={of.activates} time />],
            [t("retires"), of.retires && <When at={of.retires} time />],
            [t("due"), of.due],
            [t("constrained"), of.constrained ? t("yes") : t("no")],
            [t("key_here"), of.key ? t("yes") : t("no")],
            [
              "SHA-256",
              <code key="h" class="hex">
                {of.sha256}
              </code>,
            ],
            [t("crl"), of.crl && <When at={of.crl.next_update} time />],
            [t("cross_certificates"), cross.map(c => `${c.name} (${c.signer})`).join(", ")],
          ]}
        />
        {!of.root && (
          <p>
            <a href={link("certificates", { issuer: of.ref })}>{t("issued_by_it")}</a>
          </p>
        )}
        <p class="same">
          <small class="faint">{t("replaces_it")}</small>{" "}
          <Cli
            command={of.root ? "autarky root create --next" : `autarky issuer rotate ${of.ref}`}
          />
        </p>
      </Card>
    </>
  );
}

export function Ca({ query }: { query: Query }) {
  const list = useWhole<IssuersAnswer>("issuer list");
  const status = useApi<StatusAnswer>("status");
  const all = list.data?.issuers ?? [];
  const one = all.find(i => i.ref === query.issuer);
  if (one)
    return (
      <Page title={one.ref} of={[list]}>
        <One
          of={one}
          cross={(list.data?.cross_certificates ?? []).filter(c => c.subject === one.subject)}
        />
      </Page>
    );
  return (
    <Page title={t("ca")} of={[list, status]}>
      <Card title={t("hierarchy")}>
        {list.data ? (
          <ul class="tree">
            {all
              .filter(i => i.root)
              .map(i => (
                <Branch key={i.id} of={i} all={all} />
              ))}
          </ul>
        ) : (
          <p class="faint">{t("loading")}</p>
        )}
      </Card>
      <Card title={t("issuers")}>
        <Table
          name="issuers"
          caption={t("issuers")}
          columns={[
            {
              id: "ref",
              label: t("name"),
              value: i => i.ref,
              cell: i => <a href={link("ca", { issuer: i.ref })}>{i.ref}</a>,
            },
            {
              id: "state",
              label: t("state"),
              value: i => i.state,
              cell: i => <Status value={i.state} />,
            },
            { id: "algorithm", label: t("key"), value: i => i.algorithm },
            { id: "hierarchy", label: t("hierarchy"), value: i => i.hierarchy },
            {
              id: "not_after",
              label: t("days_left"),
              value: i => i.not_after,
              cell: i => <Days until={i.not_after} soon={90} />,
              number: true,
            },
            { id: "due", label: t("due"), value: i => i.due },
          ]}
          rows={list.data?.issuers}
          rowKey={i => i.id}
          empty=""
        />
        <p class="same">
          <small class="faint">{t("same_as")}</small> <Cli command="autarky issuer list" />
        </p>
      </Card>
      <Lists status={status.data} />
      <LocksCard />
    </Page>
  );
}
