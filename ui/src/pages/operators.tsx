// SPDX-License-Identifier: Apache-2.0
// Who may operate: users, programs, and who is signed in.
import { useWhole } from "../api";
import { t } from "../i18n";
import { Action, type Field, filled, option, type Values } from "../parts/action";
import { Card, Page } from "../parts/page";
import { Table } from "../parts/table";
import { Copy, Facts, quoted, Status, When } from "../parts/text";

interface User {
  name: string;
  roles: string;
  host_user: number;
  created: string;
  created_by: string;
  signed_in?: string;
  removed?: string;
}

interface Token {
  name: string;
  roles: string;
  created: string;
  created_by: string;
  expires: string;
  revoked?: string;
}

interface Session {
  id: string;
  user: string | null;
  roles: string;
  began: string;
  seen: string;
  address: string;
}

const roleNames = ["viewer", "operator", "approver", "officer", "auditor"];
const HOST_USER_NONE = -1;

const why: Field = { name: "why", label: "" };
const withWhy = (fields: Field[]): Field[] => [...fields, { ...why, label: t("reason_why") }];
const roleFields = (now = ""): Field[] =>
  roleNames.map(r => ({
    name: r,
    label: r,
    type: "checkbox",
    value: now.split(",").includes(r) ? "yes" : "",
  }));
const rolesOf = (v: Values) => roleNames.filter(r => v[r]).join(",");

function ShownOnce({ of }: { of: [string, unknown][] }) {
  return (
    <>
      <Facts
        of={of.map(([name, value]) => [
          name,
          <span key={name}>
            <code class="hex">{String(value ?? "")}</code> <Copy text={String(value ?? "")} />
          </span>,
        ])}
      />
      <p>{t("shown_once")}</p>
    </>
  );
}

const codes = (a: Record<string, unknown>) => (
  <ShownOnce
    of={[
      [t("totp_key"), a.totp_key],
      ["URL", a.totp],
    ]}
  />
);

function UserActions({ of }: { of: User }) {
  if (of.removed) return <When at={of.removed} />;
  const named = { name: of.name };
  return (
    <span class="actions">
      <Action
        command="user role"
        label={t("roles_change")}
        title={t("roles_title", of.name)}
        text={<p>{t("sessions_end")}</p>}
        fields={withWhy(roleFields(of.roles))}
        args={v => filled({ ...named, roles: rolesOf(v), reason: v.why })}
        cli={v =>
          `autarky user role ${quoted(of.name)} --role ${rolesOf(v) || "…"}${option("reason", v.why)}`
        }
      />
      <Action
        command="user totp"
        label={t("totp_new")}
        title={t("totp_title", of.name)}
        text={<p>{t("sessions_end")}</p>}
        fields={withWhy([])}
        args={v => filled({ ...named, reason: v.why })}
        cli={v => `autarky user totp ${quoted(of.name)}${option("reason", v.why)}`}
        done={codes}
      />
      <Action
        command="user password"
        label={t("password_new")}
        title={t("password_title", of.name)}
        text={<p>{t("sessions_end")}</p>}
        fields={withWhy([
          { name: "password", label: t("password"), type: "password", required: true },
        ])}
        args={v => filled({ ...named, password: v.password, reason: v.why })}
        cli={v => `autarky user password ${quoted(of.name)}${option("reason", v.why)}`}
      />
      <Action
        command="user remove"
        label={t("remove")}
        title={t("remove_title", of.name)}
        danger
        confirm={of.name}
        text={<p>{t("remove_text")}</p>}
        fields={withWhy([])}
        args={v => filled({ ...named, reason: v.why })}
        cli={v => `autarky user remove ${quoted(of.name)}${option("reason", v.why)}`}
      />
    </span>
  );
}

function Users() {
  const list = useWhole<{ users: User[]; next?: string | null }>("user list");
  return (
    <Card
      title={t("users")}
      actions={
        <Action
          command="user add"
          label={t("user_add")}
          title={t("user_add")}
          text={<p>{t("user_add_text")}</p>}
          fields={withWhy([
            { name: "name", label: t("name"), required: true },
            { name: "password", label: t("password"), type: "password", required: true },
            ...roleFields(),
          ])}
          args={v => ({
            ...filled({ name: v.name, password: v.password, roles: rolesOf(v), reason: v.why }),
            host_user: HOST_USER_NONE,
          })}
          cli={v =>
            `autarky user add ${quoted(v.name || "NAME")} --role ${rolesOf(v) || "…"} --host-user none${option("reason", v.why)}`
          }
          done={codes}
        />
      }
    >
      <Table
        name="users"
        caption={t("users")}
        columns={[
          { id: "name", label: t("name"), value: u => u.name },
          { id: "roles", label: t("roles"), value: u => u.roles.replaceAll(",", ", ") },
          {
            id: "state",
            label: t("state"),
            value: u => (u.removed ? "removed" : "active"),
            cell: u => <Status value={u.removed ? "removed" : "active"} />,
          },
          {
            id: "signed_in",
            label: t("signed_in"),
            value: u => u.signed_in,
            cell: u => <When at={u.signed_in} time />,
          },
          { id: "created_by", label: t("made_by"), value: u => u.created_by },
          { id: "actions", label: t("action"), value: () => "", cell: u => <UserActions of={u} /> },
        ]}
        rows={list.data?.users}
        more={list.data?.next}
        rowKey={u => u.name}
        empty={<p>{t("no_users")}</p>}
      />
    </Card>
  );
}

const tokenState = (x: Token) =>
  x.revoked ? "revoked" : Date.parse(x.expires) < Date.now() ? "expired" : "valid";

function Tokens() {
  const list = useWhole<{ tokens: Token[]; next?: string | null }>("token list");
  return (
    <Card
      title={t("tokens")}
      actions={
        <Action
          command="token create"
          label={t("token_create")}
          title={t("token_create")}
          text={<p>{t("token_text")}</p>}
          fields={withWhy([
            { name: "name", label: t("name"), required: true },
            { name: "expires", label: t("token_expires"), value: "90d", required: true },
            ...roleFields("viewer"),
          ])}
          args={v => filled({ name: v.name, expires: v.expires, roles: rolesOf(v), reason: v.why })}
          cli={v =>
            `autarky token create ${quoted(v.name || "NAME")} --role ${rolesOf(v) || "…"}${option("expires", v.expires)}${option("reason", v.why)}`
          }
          done={a => <ShownOnce of={[[t("token"), a.token]]} />}
        />
      }
    >
      <Table
        name="tokens"
        caption={t("tokens")}
        columns={[
          { id: "name", label: t("name"), value: x => x.name },
          { id: "roles", label: t("roles"), value: x => x.roles.replaceAll(",", ", ") },
          {
            id: "state",
            label: t("state"),
            value: tokenState,
            cell: x => <Status value={tokenState(x)} />,
          },
          {
            id: "expires",
            label: t("days_left"),
            value: x => x.expires,
            cell: x => <When at={x.expires} />,
          },
          { id: "created_by", label: t("made_by"), value: x => x.created_by },
          {
            id: "revoke",
            label: t("action"),
            value: () => "",
            cell: x =>
              tokenState(x) === "valid" && (
                <Action
                  command="token revoke"
                  label={t("revoke")}
                  title={t("token_revoke_title", x.name)}
                  danger
                  confirm={x.name}
                  fields={withWhy([])}
                  args={v => filled({ name: x.name, reason: v.why })}
                  cli={v => `autarky token revoke ${quoted(x.name)}${option("reason", v.why)}`}
                />
              ),
          },
        ]}
        rows={list.data?.tokens}
        more={list.data?.next}
        rowKey={x => x.name}
        empty={<p>{t("no_tokens")}</p>}
      />
    </Card>
  );
}

function Sessions() {
  const list = useWhole<{ sessions: Session[] }>("session list");
  return (
    <Card title={t("sessions")}>
      <Table
        name="sessions"
        caption={t("sessions")}
        columns={[
          { id: "user", label: t("user"), value: s => s.user ?? t("by_link") },
          { id: "roles", label: t("roles"), value: s => s.roles.replaceAll(",", ", ") },
          { id: "address", label: t("requester"), value: s => s.address },
          {
            id: "began",
            label: t("since"),
            value: s => s.began,
            cell: s => <When at={s.began} time />,
          },
          {
            id: "seen",
            label: t("last_seen"),
            value: s => s.seen,
            cell: s => <When at={s.seen} time />,
          },
          {
            id: "end",
            label: t("action"),
            value: () => "",
            cell: s => (
              <Action
                command="session end"
                label={t("session_end")}
                title={t("session_end_title", s.user ?? t("by_link"))}
                danger
                fields={withWhy([])}
                args={v => filled({ id: s.id, reason: v.why })}
                cli={v => `autarky session end ${s.id}${option("reason", v.why)}`}
              />
            ),
          },
        ]}
        rows={list.data?.sessions}
        rowKey={s => s.id}
        empty={<p>{t("no_sessions")}</p>}
      />
    </Card>
  );
}

export function Operators() {
  const users = useWhole<{ users: User[] }>("user list");
  return (
    <Page title={t("operators")} of={[users]}>
      <Users />
      <Tokens />
      <Sessions />
    </Page>
  );
}
