// SPDX-License-Identifier: Apache-2.0
// ACME: accounts, the keys that bind them, and what the CA sees of a name.
import { useState } from "preact/hooks";
import { call, everyRow, may, Problem, useApi, useWhole } from "../api";
import { t } from "../i18n";
import { Action, filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, Copy, Facts, quoted, State, Status, When } from "../parts/text";
import { link, type Query } from "../router";
import type { Listed } from "../types";

interface Account {
  id: string;
  status: string;
  contact: string[];
  eab?: string;
  created: string;
  created_from: string | null;
  key_thumbprint?: string;
  staging?: boolean;
  orders_open?: number;
  certificates_valid?: number;
}

interface Eab {
  name: string;
  kid: string;
  accounts: number;
  made: number;
  created: string;
  expires?: string;
  revoked?: string;
}

const eabState = (e: Eab) =>
  e.revoked ? "revoked" : e.expires && Date.parse(e.expires) < Date.now() ? "expired" : "valid";

function NewKey() {
  return (
    <Action
      command="eab create"
      label={t("eab_create")}
      title={t("eab_create_title")}
      text={<p>{t("eab_create_text")}</p>}
      fields={[
        { name: "name", label: t("name"), required: true },
        { name: "accounts", label: t("eab_accounts"), type: "number", value: "1" },
        { name: "expires", label: t("eab_expires") },
        { name: "why", label: t("reason_why") },
      ]}
      args={v => ({
        ...filled({ name: v.name, expires: v.expires, reason: v.why }),
        accounts: Number(v.accounts || "1"),
      })}
      cli={v =>
        `autarky eab create ${quoted(v.name || "NAME")}${option("accounts", v.accounts)}${option("expires", v.expires)}${option("reason", v.why)}`
      }
      done={a => (
        <Facts
          of={[
            ["kid", <code key="k">{String(a.kid)}</code>],
            [
              t("eab_key"),
              <span key="s">
                <code class="hex">{String(a.key)}</code> <Copy text={String(a.key)} />
              </span>,
            ],
            ["", t("shown_once")],
          ]}
        />
      )}
    />
  );
}

function Keys() {
  const keys = useWhole<Listed<Eab>>("eab list");
  return (
    <Card title={t("eab_keys")} actions={<NewKey />}>
      <Table
        name="eab"
        caption={t("eab_keys")}
        columns={[
          {
            id: "name",
            label: t("name"),
            value: e => e.name,
            cell: e => <a href={link("acme", { eab: e.name })}>{e.name}</a>,
          },
          {
            id: "state",
            label: t("state"),
            value: eabState,
            cell: e => <Status value={eabState(e)} />,
          },
          { id: "made", label: t("eab_made"), value: e => `${e.made}/${e.accounts}`, number: true },
          {
            id: "kid",
            label: "kid",
            value: e => e.kid,
            cell: e => <code class="hex">{e.kid}</code>,
          },
          {
            id: "created",
            label: t("made_at"),
            value: e => e.created,
            cell: e => <When at={e.created} />,
          },
          {
            id: "expires",
            label: t("until"),
            value: e => e.expires,
            cell: e => <When at={e.expires} />,
          },
          {
            id: "revoke",
            label: t("action"),
            value: () => "",
            cell: e =>
              eabState(e) === "valid" && (
                <Action
                  command="eab revoke"
                  label={t("revoke")}
                  title={t("eab_revoke_title", e.name)}
                  danger
                  confirm={e.name}
                  text={<p>{t("eab_revoke_text")}</p>}
                  fields={[{ name: "why", label: t("reason_why") }]}
                  args={v => filled({ name: e.name, reason: v.why })}
                  cli={v => `autarky eab revoke ${quoted(e.name)}${option("reason", v.why)}`}
                />
              ),
          },
        ]}
        rows={keys.data?.items}
        more={keys.data?.next}
        rowKey={e => e.kid}
        empty={<p>{t("no_eab")}</p>}
      />
    </Card>
  );
}

function Accounts({ query }: { query: Query }) {
  const args = filled({ eab: query.eab, cursor: query.cursor });
  const list = useApi<Listed<Account>>("account list", { ...args, limit: 50 });
  return (
    <Page title="ACME" of={[list]}>
      <Card title={query.eab ? t("accounts_of", query.eab) : t("accounts")}>
        <Table
          name="accounts"
          caption={t("accounts")}
          columns={[
            {
              id: "id",
              label: t("account"),
              value: a => a.id,
              cell: a => <a href={link("acme", { account: a.id })}>{a.contact[0] ?? a.id}</a>,
            },
            {
              id: "status",
              label: t("state"),
              value: a => a.status,
              cell: a => <Status value={a.status} />,
            },
            { id: "eab", label: t("eab_key_name"), value: a => a.eab },
            {
              id: "created",
              label: t("made_at"),
              value: a => a.created,
              cell: a => <When at={a.created} />,
            },
            { id: "created_from", label: t("requester"), value: a => a.created_from },
          ]}
          rows={list.data?.items}
          rowKey={a => a.id}
          all={() => everyRow<Account>("account list", filled({ eab: query.eab }))}
          empty={<p>{t("no_accounts")}</p>}
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.eab && <a href={link("acme")}>{t("all")}</a>}
          {query.cursor && <a href={link("acme", { ...query, cursor: "" })}>{t("first_page")}</a>}
          {list.data?.next && (
            <a href={link("acme", { ...query, cursor: list.data.next })}>{t("next_page")}</a>
          )}
        </nav>
      </Card>
      <Keys />
      {may("probe") && <Preflight />}
    </Page>
  );
}

function One({ id }: { id: string }) {
  const shown = useApi<Account>("account show", { id });
  const a = shown.data;
  const name = a?.contact[0] ?? id;
  return (
    <Page
      title={t("account")}
      of={[shown]}
      actions={
        a?.status === "valid" ? (
          <Action
            command="account deactivate"
            label={t("deactivate")}
            title={t("deactivate_title")}
            danger
            confirm={name}
            text={<p>{t("deactivate_text")}</p>}
            fields={[{ name: "why", label: t("reason_why") }]}
            args={v => filled({ id, reason: v.why })}
            cli={v => `autarky account deactivate ${id}${option("reason", v.why)}`}
          />
        ) : null
      }
    >
      <p>
        <a href={link("acme")}>← ACME</a>
      </p>
      {a && (
        <Card title={name}>
          <Facts
            of={[
              [t("state"), <Status key="s" value={a.status} />],
              [t("account"), <code key="i">{a.id}</code>],
              [t("contact"), a.contact.join(", ")],
              [t("eab_key_name"), a.eab && <a href={link("acme", { eab: a.eab })}>{a.eab}</a>],
              [t("made_at"), <When key="c" at={a.created} time />],
              [t("requester"), a.created_from],
              [t("orders_open"), a.orders_open],
              [t("valid_certificates"), a.certificates_valid],
              [t("public_key"), a.key_thumbprint && <code class="hex">{a.key_thumbprint}</code>],
            ]}
          />
        </Card>
      )}
    </Page>
  );
}

// ---- what the CA sees

interface Probe {
  identifier: string;
  at: string;
  views: {
    asked: string;
    answers: { name: string; type: string; status: string; records: unknown[]; us: number }[];
  }[];
  http: { ok: boolean; why?: string } | null;
  caa: { ok: boolean; why?: string } | null;
}

function Verdict({ what, of }: { what: string; of: { ok: boolean; why?: string } | null }) {
  if (!of) return null;
  return (
    <p>
      <State kind={of.ok ? "ok" : "failed"}>{what}</State> {of.why}
    </p>
  );
}

function Preflight() {
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const [seen, setSeen] = useState<Probe>();
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setProblem("");
    setSeen(undefined);
    try {
      setSeen(await call<Probe>("probe", { name: name.trim() }));
    } catch (error) {
      setProblem(error instanceof Problem ? error.message || t("unreachable") : String(error));
    }
    setBusy(false);
  };
  const answers = seen?.views.flatMap(v => v.answers.map(a => ({ asked: v.asked, ...a })));
  return (
    <Card title={t("preflight")}>
      <p>{t("preflight_text")}</p>
      <form class="search" onSubmit={submit}>
        <label class="wide">
          {t("name")}
          <input
            name="preflight"
            required
            value={name}
            onInput={e => setName(e.currentTarget.value)}
          />
        </label>
        <button type="submit" class="go" disabled={busy}>
          {t("look")}
        </button>
      </form>
      <div aria-live="polite">
        {busy && <p class="faint">{t("looking")}</p>}
        {problem && <p class="problem">{problem}</p>}
        {seen && (
          <>
            <Verdict what="http-01" of={seen.http} />
            <Verdict what="CAA" of={seen.caa} />
          </>
        )}
      </div>
      {answers && (
        <Table
          name={`preflight-${seen?.identifier}`}
          caption={t("preflight")}
          columns={[
            { id: "asked", label: t("asked_server"), value: a => a.asked },
            { id: "name", label: t("name"), value: a => a.name },
            { id: "type", label: t("record"), value: a => a.type },
            { id: "status", label: t("state"), value: a => a.status },
            {
              id: "records",
              label: t("answer"),
              value: a =>
                a.records.map(r => (typeof r === "string" ? r : JSON.stringify(r))).join(" "),
            },
            { id: "us", label: "ms", value: a => Math.round(a.us / 100) / 10, number: true },
          ]}
          rows={answers}
          rowKey={a => a.asked + a.name + a.type}
          empty=""
        />
      )}
      <p class="same">
        <small class="faint">{t("same_as")}</small>{" "}
        <Cli command={`autarky probe ${quoted(name || "NAME")} --as-ca`} />
      </p>
    </Card>
  );
}

export function Acme({ query }: { query: Query }) {
  return query.account ? <One id={query.account} /> : <Accounts query={query} />;
}
