// SPDX-License-Identifier: Apache-2.0
// The audit log: who did what.
import { useEffect, useState } from "preact/hooks";
import { everyRow, useApi } from "../api";
import { type Key, t } from "../i18n";
import { Action, filled } from "../parts/action";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Cli, Copy, When } from "../parts/text";
import { go, link, type Query } from "../router";

interface AuditEvent {
  sequence: number;
  at: string;
  action: string;
  actor_kind: string | null;
  actor: string | null;
  object_kind: string | null;
  object: string | null;
  event: { reason: string | null; address: string | null; detail: unknown };
}

interface Events {
  items: AuditEvent[];
  next: string | null;
  last: number;
}

function HeadAction() {
  return (
    <Action
      command="audit head"
      label={t("audit_sign")}
      title={t("audit_head")}
      text={<p>{t("audit_head_text")}</p>}
      args={() => ({})}
      cli={() => "autarky audit head"}
      done={a => (
        <>
          <pre>{String(a.note)}</pre>
          <Copy text={String(a.note)} />
        </>
      )}
    />
  );
}

const filters: [string, Key][] = [
  ["action", "action"],
  ["actor", "actor"],
  ["object", "object"],
];

function Search({ query }: { query: Query }) {
  const [draft, setDraft] = useState(query);
  const key = JSON.stringify(query);
  useEffect(() => setDraft(query), [key]);
  return (
    <section aria-label={t("search")}>
      <search>
        <form
          class="search"
          onSubmit={e => {
            e.preventDefault();
            go(link("audit", { ...draft, cursor: "", event: "" }));
          }}
        >
          {filters.map(([name, label]) => (
            <label key={name}>
              {t(label)}
              <input
                name={name}
                value={draft[name] ?? ""}
                onInput={e => setDraft({ ...draft, [name]: e.currentTarget.value })}
              />
            </label>
          ))}
          <button type="submit" class="go">
            {t("search")}
          </button>
        </form>
      </search>
      <ul class="chips" aria-label={t("filters")}>
        {["", "certificate.", "approval.", "issuance.", "operator.", "user.", "issuer."].map(a => (
          <li key={a}>
            <a
              href={link("audit", { action: a })}
              {...((query.action ?? "") === a ? { "aria-current": "true" as const } : {})}
            >
              {a ? `${a}*` : t("all")}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Audit({ query }: { query: Query }) {
  const args = filled({ action: query.action, actor: query.actor, object: query.object });
  const list = useApi<Events>("audit list", {
    ...args,
    ...filled({ cursor: query.cursor }),
    limit: 50,
  });
  const shown = list.data?.items.find(e => String(e.sequence) === query.event);
  return (
    <Page title={t("audit")} of={[list]} actions={<HeadAction />}>
      <Search query={query} />
      {shown && (
        <Card title={`${t("event")} ${shown.sequence}`}>
          <pre>{JSON.stringify(shown.event, null, 2)}</pre>
        </Card>
      )}
      <Card title={t("events")}>
        <Table
          name="events"
          caption={t("events")}
          columns={[
            {
              id: "sequence",
              label: t("event"),
              value: e => e.sequence,
              cell: e => (
                <a href={link("audit", { ...query, event: String(e.sequence) })}>{e.sequence}</a>
              ),
            },
            { id: "at", label: t("at"), value: e => e.at, cell: e => <When at={e.at} time /> },
            { id: "action", label: t("action"), value: e => e.action },
            { id: "actor", label: t("actor"), value: e => e.actor ?? e.actor_kind },
            {
              id: "object",
              label: t("object"),
              value: e => `${e.object_kind ?? ""} ${e.object ?? ""}`.trim(),
              cell: e => (
                <>
                  {e.object_kind}{" "}
                  {e.object && (
                    <a class="hex" href={link("audit", { object: e.object })}>
                      {e.object}
                    </a>
                  )}
                </>
              ),
            },
            { id: "reason", label: t("reason_why"), value: e => e.event.reason },
          ]}
          rows={list.data?.items}
          rowKey={e => String(e.sequence)}
          sortable={false}
          all={() => everyRow<Events["items"][number]>("audit list", args)}
          empty={<p>{t("no_events")}</p>}
        />
        <nav class="pager" aria-label={t("more_pages")}>
          {query.cursor && (
            <a href={link("audit", { ...query, cursor: "", event: "" })}>{t("newest")}</a>
          )}
          {list.data?.next && (
            <a href={link("audit", { ...query, cursor: list.data.next, event: "" })}>
              {t("older")}
            </a>
          )}
        </nav>
        <p class="same">
          <small class="faint">{t("verifies")}</small>{" "}
          <Cli command="autarky audit export --out DIR && autarky audit verify DIR" />
        </p>
      </Card>
    </Page>
  );
}
