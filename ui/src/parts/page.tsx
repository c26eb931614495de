// SPDX-License-Identifier: Apache-2.0
// What all pages have: a heading that says when it was checked, and what went wrong.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import type { Answer } from "../api";
import { t } from "../i18n";
import { way } from "../router";
import { localTime } from "../time";

// biome-ignore lint/suspicious/noExplicitAny: whatever they answer
type Any = Answer<any>;

function Checked({ of }: { of: Any[] }) {
  const times = of.flatMap(a => (a.at ? [a.at.getTime()] : []));
  const oldest = times.length ? new Date(Math.min(...times)) : undefined;
  return (
    <p class="checked">
      {oldest ? t("checked_at", localTime(oldest)) : t("loading")}{" "}
      <button
        type="button"
        class="small"
        onClick={() => {
          for (const a of of) a.reload();
        }}
      >
        {t("refresh")}
      </button>
    </p>
  );
}

function Troubles({ of }: { of: Any[] }) {
  const errors = of.flatMap(a => (a.error ? [a.error] : []));
  if (!errors.length) return null;
  if (errors.some(e => e.status === 401))
    return (
      <p role="alert" class="problem">
        {t("session_over")} <a href="/ui/sign-in">{t("sign_in")}</a>
      </p>
    );
  return (
    <div role="alert" class="problem">
      {[...new Set(errors.map(e => e.message || t("unreachable")))].map(m => (
        <p key={m}>{m}</p>
      ))}
    </div>
  );
}

export function Page(props: {
  title: string;
  of: Any[];
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  const head = useRef<HTMLHeadingElement>(null);
  // Whoever follows a link by keyboard or ear begins at the heading.
  useEffect(() => {
    if (way.under) head.current?.focus();
    way.under = false;
  }, []);
  useEffect(() => {
    document.title = `${props.title} – Autarky`;
  }, [props.title]);
  return (
    <>
      <div class="top">
        <h1 ref={head} tabIndex={-1}>
          {props.title}
        </h1>
        <Checked of={props.of} />
      </div>
      <Troubles of={props.of} />
      {props.actions && <div class="actions">{props.actions}</div>}
      {props.children}
    </>
  );
}

export function Card(props: {
  title: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div class="top">
        <h2 id={id}>{props.title}</h2>
        {props.actions && <div class="actions">{props.actions}</div>}
      </div>
      {props.children}
    </section>
  );
}

export function Tile({
  n,
  what,
  href,
  kind,
}: {
  n: number | string | undefined;
  what: string;
  href: string;
  kind?: string;
}) {
  return (
    <a class={`tile ${kind ?? ""}`} href={href}>
      <b>{n ?? "–"}</b>
      {what}
    </a>
  );
}
