// SPDX-License-Identifier: Apache-2.0
// The configuration in force, to read; and who may have which name by it.
import { useState } from "preact/hooks";
import { call, may, Problem, useApi } from "../api";
import { t } from "../i18n";
import { filled, option } from "../parts/action";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, quoted, State, Status, When } from "../parts/text";
import type { StatusAnswer } from "../types";
import { ReloadAction } from "./overview";

type Config = Record<string, unknown>;

const plain = (v: unknown): string =>
  v === null || v === undefined ? "" : typeof v === "string" ? v : JSON.stringify(v);

// Every key with its value, as in {key: "listen.api", value: "..."}; a list is one value.
function flat(config: unknown, path = ""): { key: string; value: string }[] {
  if (config && typeof config === "object" && !Array.isArray(config))
    return Object.entries(config).flatMap(([k, v]) => flat(v, path ? `${path}.${k}` : k));
  return [{ key: path, value: plain(config) }];
}

export function Settings() {
  const config = useApi<Config>("config show");
  const status = useApi<StatusAnswer>("status");
  const rows = config.data && flat(config.data);
  return (
    <Page title={t("settings")} of={[config, status]} actions={<ReloadAction />}>
      <Card title={t("settings")}>
        <p>{t("settings_text")}</p>
        <p class="same">
          <Cli command="autarky config check && autarky reload" />
        </p>
        <Table
          name="configuration"
          caption={t("settings")}
          columns={[
            { id: "key", label: t("key_name"), value: r => r.key, cell: r => <code>{r.key}</code> },
            {
              id: "value",
              label: t("value"),
              value: r => r.value,
              cell: r => <code class="hex">{r.value || "–"}</code>,
            },
          ]}
          rows={rows}
          rowKey={r => r.key}
          empty=""
        />
      </Card>
      <Card title={t("processes")}>
        <Table
          name="processes"
          caption={t("processes")}
          columns={[
            { id: "role", label: t("process"), value: p => p.role },
            {
              id: "state",
              label: t("state"),
              value: p => p.state,
              cell: p => <Status value={p.state} />,
            },
            { id: "pid", label: "PID", value: p => p.pid, number: true },
            { id: "restarts", label: t("restarts"), value: p => p.restarts, number: true },
            {
              id: "started",
              label: t("since"),
              value: p => p.started,
              cell: p => <When at={p.started} time />,
            },
            {
              id: "sandbox",
              label: t("confinement"),
              value: p => p.sandbox.trim(),
              cell: p => (
                <details>
                  <summary>{t("show_them")}</summary>
                  <small class="lines">{p.sandbox.trim()}</small>
                </details>
              ),
            },
          ]}
          rows={status.data?.processes}
          rowKey={p => String(p.pid)}
          empty=""
        />
      </Card>
    </Page>
  );
}

// ---- policy

interface Explained {
  names: {
    name: string;
    allowed: boolean;
    rule?: string;
    refused?: string;
    challenges?: string[];
    rules: { rule: string; text: string; other: boolean }[];
  }[];
  allowed: boolean;
  refused?: string;
  approvers: number;
  lifetime?: string;
}

function Judged({ of }: { of: Explained }) {
  const rows = of.names.flatMap(n =>
    n.rules.filter(r => !r.other).map(r => ({ name: n.name, rule: r.rule, text: r.text })),
  );
  return (
    <>
      <p>
        <State kind={of.allowed ? "ok" : "failed"}>
          {of.allowed ? t("allowed") : t("refused")}
        </State>{" "}
        {of.refused} {of.approvers > 0 && `${t("approvals")}: ${of.approvers}`} {of.lifetime}
      </p>
      <ul>
        {of.names.map(n => (
          <li key={n.name}>
            <b>{n.name}</b>: {n.allowed ? `${n.rule} · ${n.challenges?.join(", ")}` : n.refused}
          </li>
        ))}
      </ul>
      <Table
        name="explained"
        caption={t("explain")}
        columns={[
          { id: "name", label: t("name"), value: r => r.name },
          { id: "rule", label: t("rule"), value: r => r.rule },
          { id: "text", label: t("finding"), value: r => r.text },
        ]}
        rows={rows}
        rowKey={r => r.name + r.rule}
        empty={<p>{t("policy_none")}</p>}
      />
    </>
  );
}

function Explain() {
  const [v, setV] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState("");
  const [answer, setAnswer] = useState<Explained>();
  const names = (v.names ?? "")
    .trim()
    .split(/[\s,]+/)
    .filter(Boolean);
  const set = (name: string) => (e: Event) => {
    const { value } = e.currentTarget as HTMLInputElement;
    setV(all => ({ ...all, [name]: value }));
  };
  const submit = async (e: Event) => {
    e.preventDefault();
    setProblem("");
    setAnswer(undefined);
    try {
      setAnswer(
        await call<Explained>("policy explain", {
          ...filled({ from: v.from, account: v.account, eab: v.eab, profile: v.profile }),
          names,
        }),
      );
    } catch (error) {
      setProblem(error instanceof Problem ? error.message || t("unreachable") : String(error));
    }
  };
  const field = (name: string, label: string) => (
    <label>
      {label}
      <input name={name} value={v[name] ?? ""} onInput={set(name)} />
    </label>
  );
  return (
    <Card title={t("explain")}>
      <p>{t("explain_text")}</p>
      <form class="search" onSubmit={submit}>
        <label class="wide">
          {t("explain_names")}
          <input name="names" required value={v.names ?? ""} onInput={set("names")} />
        </label>
        {field("from", t("explain_from"))}
        {field("eab", t("eab_key_name"))}
        {field("account", t("account"))}
        {field("profile", t("profile"))}
        <button type="submit" class="go">
          {t("ask")}
        </button>
      </form>
      <div aria-live="polite">
        {problem && <p class="problem">{problem}</p>}
        {answer && <Judged of={answer} />}
      </div>
      <p class="same">
        <small class="faint">{t("same_as")}</small>{" "}
        <Cli
          command={`autarky policy explain${names.map(n => ` --name ${quoted(n)}`).join("") || " --name NAME"}${option("from", v.from)}${option("account", v.account)}${option("eab", v.eab)}${option("profile", v.profile)}`}
        />
      </p>
    </Card>
  );
}

export function Policy() {
  const config = useApi<Config>("config show");
  const rules = (config.data?.policy ?? []) as Config[];
  return (
    <Page title={t("policy")} of={may("config show") ? [config] : []}>
      <Explain />
      {may("config show") && (
        <Card title={t("policy_rules")}>
          <Table
            name="rules"
            caption={t("policy_rules")}
            columns={[
              { id: "name", label: t("rule"), value: r => plain(r.name) },
              {
                id: "rule",
                label: t("value"),
                value: r => JSON.stringify(r),
                cell: r => (
                  <>
                    {Object.entries(r)
                      .filter(([k, x]) => k !== "name" && plain(x) !== "" && plain(x) !== "[]")
                      .map(([k, x]) => (
                        <div key={k}>
                          <code class="hex">
                            {k}: {Array.isArray(x) ? x.map(plain).join(", ") : plain(x)}
                          </code>
                        </div>
                      ))}
                  </>
                ),
              },
            ]}
            rows={config.data && rules}
            rowKey={r => plain(r.name)}
            empty={<p>{t("policy_none")}</p>}
          />
        </Card>
      )}
    </Page>
  );
}
